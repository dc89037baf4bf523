package mesh_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

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

// What is a password, or may be a part of one, is not shown.
func TestRedactURLs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"": "", "a": "a", "nats://a:1": "nats://a:1", "a:1,nats://b": "a:1,nats://b", "nats://a, tls://b": "nats://a, tls://b",
		"nats://me:secret@a:1": "nats://***@a:1", "me:secret@a": "***@a", "secret@a": "***@a", " wss://secret@a/path": " wss://***@a/path",
		"nats://me:secret@a,nats://b,tls://secret@c": "nats://***@a,nats://b,tls://***@c",
		"nats://me:se@cret@a":                        "nats://***@a",
		"nats://me:secret/?#%zz @a":                  "nats://***@a",
		"me:secret://secret@a":                       "***@a",
		"nats://me:secret://secret@a":                "nats://***@a",
		"nats://me:secret,secret@a,nats://b":         "nats://***@a,nats://b",
		"nats://me:secret,secret,secret@a":           "nats://***@a",
		"secret,secret@a":                            "***@a",
		"nats://b,nats://me:secret,@a":               "nats://b,nats://***@a",
		"nats://secret@a,secret@b":                   "nats://***@b",
		"a:1,secret@b,ws://c":                        "***@b,ws://c",
	} {
		if got := mesh.RedactURLs(list); got != want {
			t.Errorf("%q is shown as %q, want %q", list, got, want)
		}
		if got := mesh.RedactURLs(strings.Split(list, ",")...); got != want {
			t.Errorf("%q, one by one, is shown as %q, want %q", list, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.StringOf(rapid.SampledFrom([]rune("xX,:/@?#% \u00e9"))).Draw(t, "password")
		if got := mesh.RedactURLs("nats://first:1", "nats://me:"+password+"@host"); got != "nats://first:1,nats://***@host" {
			t.Errorf("%q is shown as %q", password, got)
		}
	})
}
