package mesh

import "strings"

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
