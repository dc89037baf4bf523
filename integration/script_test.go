package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The command line, as stories: testdata/script. Beside testscript's own
// commands there is
//
//	node NAME [VARIABLE=VALUE ...]
//
// which starts a node on free ports, waits until it is ready, and sets
// $NAME_LOCAL, $NAME_CLOUD and $NAME_CLUSTER.
func TestCommands(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatalf("build brokermesh: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(path)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"node": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) == 0 {
					ts.Fatalf("usage: node NAME [VARIABLE=VALUE ...]")
				}
				n := startNode(t, args[0], args[1:]...)
				ts.Defer(n.close)
				ts.Setenv(args[0]+"_LOCAL", n.Local)
				ts.Setenv(args[0]+"_CLOUD", strings.Split(n.Cloud, ",")[0])
				ts.Setenv(args[0]+"_CLUSTER", n.Cluster)
			},
		},
	})
}
