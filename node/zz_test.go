package node_test
import ("testing";"log/slog";"strings";"github.com/brokermesh/brokermesh/node")
type tl struct{t *testing.T}
func (l tl) Write(b []byte)(int,error){ if s:=string(b); strings.Contains(s,"Slow")||strings.Contains(s,"deadline")||strings.Contains(s,"WARN")||strings.Contains(s,"ERROR") {l.t.Log(s)}; return len(b),nil}
func debugLog(t *testing.T) func(*node.Config) { return func(c *node.Config){ c.Logger = slog.New(slog.NewTextHandler(tl{t}, &slog.HandlerOptions{Level: slog.LevelDebug})) } }
