package mesh_test

import (
	"strings"
	"testing"

	"github.com/brokermesh/brokermesh/mesh"
)

// What nats.go can connect to, and nothing that it would take for a server and never reach.
func TestCheckURLs(t *testing.T) {
	t.Parallel()
	for list, fault := range map[string]string{
		"nats://a:1": "", "a:1": "", "a": "", " a, tls://b": "", "[::1]:4222": "", "ws://a,WSS://b/path": "", "nats://me:secret@a": "",
		"": "not a URL", "a,": "not a URL", "nats://": "not a URL", "nats://:4222": "not a URL", "a b": "not a URL", "http://a:1": "not a URL",
		"nats://me:secret@a:b": "not a URL", "nats://me:sec ret@a": "not a URL",
		"a,wss://b": "ws:// and wss:// cannot be mixed",
	} {
		err := mesh.CheckURLs(strings.Split(list, ",")...)
		switch {
		case fault == "" && err != nil:
			t.Errorf("%q: %v", list, err)
		case fault != "" && (err == nil || !strings.HasPrefix(err.Error(), fault) || strings.Contains(err.Error(), "sec")):
			t.Errorf("%q: %v; want %s", list, err, fault)
		}
	}
}
