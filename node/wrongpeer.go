package node

import (
	"net"
	"net/url"
	"strings"
)

// wrongPeers is what MESH_PEERS may name by mistake: a port that is there and is not
// that of a peer. It is tried each second, for ever, and the server says so in words
// that tell nobody what to mend.
var wrongPeers = []struct{ said, what string }{
	{"Route Error 'Unknown Protocol Operation'", "a port for clients or tools"},
	{"Route Error 'Rejecting connection, cluster name", "another cluster of NATS servers"},
	{"Router connection closed: Cluster Name Conflict", "another cluster of NATS servers"},
	{"Router parser ERROR", "a port that is none of NATS, of HTTP perhaps"},
}

// wrongPeer tells which peer a server's line says to be none, and what it is instead; ""
// if none. Who comes here and is no peer has another port than those.
func wrongPeer(text string, peers []*url.URL) (address, what string) {
	address, _, _ = strings.Cut(text, " - ")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", ""
	}
	for _, peer := range peers {
		if peer.Port() != port {
			continue
		}
		for _, wrong := range wrongPeers {
			if strings.Contains(text, wrong.said) {
				return address, wrong.what
			}
		}
	}
	return "", ""
}
