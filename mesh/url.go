package mesh

import (
	"errors"
	"net/url"
	"strings"
)

// CheckURLs returns why nats.go cannot connect to servers at these URLs; nil if it
// can. One without a scheme is nats://. The error tells none of them, for they may
// hold a password.
func CheckURLs(servers ...string) error {
	kinds := make(map[bool]bool) // websocket or not
	for _, s := range servers {
		s = strings.TrimSpace(s)
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Hostname() == "" {
			return errNotURL
		}
		switch u.Scheme {
		case "nats", "tls":
			kinds[false] = true
		case "ws", "wss":
			kinds[true] = true
		default:
			return errNotURL
		}
	}
	if len(kinds) > 1 {
		return errors.New("ws:// and wss:// cannot be mixed with other URLs")
	}
	return nil
}

var errNotURL = errors.New("not a URL such as nats://127.0.0.1:4222")

// RedactURL returns a server's URL with *** for what comes before the host, for
// people and logs: of "a:b@host" b is a password, and of "a@host" a is a token. It
// may have no scheme.
func RedactURL(server string) string {
	at := strings.LastIndexByte(server, '@')
	if at < 0 {
		return server
	}
	scheme := 0
	if i := strings.Index(server[:at], "://"); i >= 0 {
		scheme = i + len("://")
	}
	return server[:scheme] + "***" + server[at:]
}
