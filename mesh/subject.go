package mesh

import "strings"

// Subjects of the local flow. They exist on a node's local server only; on a
// routed plane they would reach every node.
const (
	SubjectRequest = "localfe"       // client to node; ".<service>" names a service
	SubjectReady   = "localbe.ready" // worker to node; ".<service>" names a service
	SubjectLeave   = "localbe.leave" // worker to node, a request: the polite end
	SubjectDone    = "localbe.done"  // worker to node, an answer; "." + attempt is the reply subject of a dispatch
	SubjectWhy     = "localbe.why"   // tool to node, a request: where a task went, and why
)

// Prefixes of the subjects that cross between nodes, each followed by the name
// of the node that receives (cloud) or speaks (state).
const (
	SubjectCloud = "cloud."
	SubjectState = "state."
)

// suffixHeld follows a node's cloud subject, suffixNews its state subject.
const (
	suffixHeld = ".held"
	suffixNews = ".news"
)

// CloudSubject is where the named node receives tasks.
func CloudSubject(name string) string { return SubjectCloud + name }

// HeldSubject is where the named node is asked which attempts it still holds.
func HeldSubject(name string) string { return SubjectCloud + name + suffixHeld }

// StateSubject is where the named node announces its state to all.
func StateSubject(name string) string { return SubjectState + name }

// NewsSubject is where the named node announces its state to its neighbours, in
// a mesh of more than FullMesh nodes.
func NewsSubject(name string) string { return SubjectState + name + suffixNews }

// IsNews reports whether a subject is some node's NewsSubject.
func IsNews(subject string) bool {
	rest, ok := strings.CutPrefix(subject, SubjectState) // a node may be called news
	return ok && strings.HasSuffix(rest, suffixNews)
}

// StateOf returns the name of the node that announces its state on a subject,
// to all or to its neighbours. ok is false if nobody does there.
func StateOf(subject string) (name string, ok bool) {
	if name, ok = strings.CutPrefix(subject, SubjectState); ok {
		name = strings.TrimSuffix(name, suffixNews)
	}
	return name, ok
}

// DoneSubject is the reply subject of the dispatch of attempt a.
func DoneSubject(a Attempt) string {
	var buf [len(SubjectDone) + 1 + attemptLen]byte
	return string(a.AppendText(append(append(buf[:0], SubjectDone...), '.')))
}

// MaxSubject is the longest subject, in bytes, that a client or a worker may have its
// node send to. A NATS server cuts off who sends a line of more than 4096.
const MaxSubject = 1024

// AnswerTo returns where to publish an answer to what came with a reply subject,
// and the answer's own reply subject, "" for none.
//
// It is the reply subject itself, unless that is <root>.done.<token>. Then it is
// <root>.done, with the token as the answer's reply subject: a server remembers who
// subscribes to a subject that is always the same, and has to look for it if it is
// new each time; at the token it does not look.
func AnswerTo(reply string) (subject, own string) {
	end := strings.LastIndexByte(reply, '.')
	if end > 0 && end < len(reply)-1 && strings.HasSuffix(reply[:end], ".done") {
		return reply[:end], reply[end+1:]
	}
	return reply, ""
}

// AnsweredAttempt returns the attempt that an answer is to: the last token of its
// subject or, if that is <root>.done itself, of its reply subject.
func AnsweredAttempt(subject, reply string) (Attempt, error) {
	if strings.HasSuffix(subject, ".done") {
		subject = reply
	}
	return ParseAttempt(subject[strings.LastIndexByte(subject, '.')+1:])
}

// ServiceOf returns the service that a subject under root names: "" for root
// itself, the token after the dot otherwise. ok is false if what follows root
// is not one valid token.
func ServiceOf(subject, root string) (service string, ok bool) {
	rest, found := strings.CutPrefix(subject, root)
	if !found || rest == "" {
		return "", found
	}
	if rest[0] != '.' || CheckToken(rest[1:]) != nil {
		return "", false
	}
	return rest[1:], true
}

// WithService appends a service to a root subject; the default service, "",
// has the root itself.
func WithService(root, service string) string {
	if service == "" {
		return root
	}
	return root + "." + service
}

// CheckInbox returns why a subject cannot be a worker's inbox, "" if it can:
// an inbox is a literal subject outside the ones the mesh itself uses.
func CheckInbox(subject string) (fault string) {
	if subject == "" {
		return "no reply subject"
	}
	if subject[0] == '$' {
		return "an inbox in the server's own $ subjects"
	}
	if len(subject) > MaxSubject {
		return "an inbox that is too long"
	}
	for token := range strings.SplitSeq(subject, ".") {
		switch {
		case token == "":
			return "an inbox with an empty token"
		case token == "*" || token == ">":
			return "an inbox with a wildcard"
		case strings.ContainsAny(token, " \t\r\n"):
			return "an inbox with white space"
		}
	}
	if IsOwn(subject) {
		return "an inbox in the mesh's own subjects"
	}
	return ""
}

// IsOwn reports whether a subject is one of the mesh's own, on either plane: what is said
// there counts as said by a client, a worker or a node.
func IsOwn(subject string) bool {
	first, _, _ := strings.Cut(subject, ".")
	switch first {
	case "localfe", "localbe", "cloud", "state":
		return true
	}
	return false
}
