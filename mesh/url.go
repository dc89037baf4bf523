package mesh

import (
	"errors"
	"net/url"
	"regexp"
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

// RedactURLs returns servers' URLs, or lists of them with commas, as one such list with
// *** for what comes before the hosts, for people and logs: of "a:b@host" b is a
// password, and of "a@host" a is a token. They may have no scheme. A comma or an @ may be
// in the password, so from the scheme to the last @ before the next scheme nothing is
// told.
func RedactURLs(servers ...string) string {
	list := strings.Join(servers, ",")
	var shown strings.Builder
	for list != "" {
		one := list
		if next := nextURL.FindStringIndex(list); next != nil {
			one = list[:next[0]+1]
		}
		list = list[len(one):]
		if at := strings.LastIndexByte(one, '@'); at >= 0 {
			shown.WriteString(scheme.FindString(one))
			shown.WriteString("***")
			one = one[at:]
		}
		shown.WriteString(one)
	}
	return shown.String()
}

var (
	scheme  = regexp.MustCompile(`^\s*\w+://`)
	nextURL = regexp.MustCompile(`,\s*(nats|tls|ws|wss)://`)
)
