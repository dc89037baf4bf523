package mesh

import (
	"strings"
	"testing"
)

func TestSubjects(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{CloudSubject("DC1"), "cloud.DC1"},
		{HeldSubject("DC1"), "cloud.DC1.held"},
		{StateSubject("DC1"), "state.DC1"},
		{NewsSubject("DC1"), "state.DC1.news"},
		{DoneSubject(Attempt{}), "localbe.done.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
		{WithService(SubjectRequest, ""), "localfe"},
		{WithService(SubjectRequest, "gpu"), "localfe.gpu"},
		{WithService(SubjectReady, "gpu"), "localbe.ready.gpu"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestStateOf(t *testing.T) {
	for _, c := range []struct {
		subject, name string
		ok, news      bool
	}{
		{StateSubject("DC1"), "DC1", true, false},
		{NewsSubject("DC1"), "DC1", true, true},
		{StateSubject("news"), "news", true, false},
		{"cloud.DC1.news", "", false, false},
		{CloudSubject("DC1"), "", false, false},
	} {
		name, ok := StateOf(c.subject)
		if news := IsNews(c.subject); ok != c.ok || ok && name != c.name || news != c.news {
			t.Errorf("%s is the state of %q, %v, news: %v; want %q, %v, %v", c.subject, name, ok, news, c.name, c.ok, c.news)
		}
	}
}

func TestAnswerTo(t *testing.T) {
	for reply, want := range map[string][2]string{
		"localbe.done.A":    {"localbe.done", "A"},
		"_INBOX.x.done.A":   {"_INBOX.x.done", "A"},
		"_INBOX.x.t.A":      {"_INBOX.x.t.A", ""},
		"_INBOX.x.done.A.B": {"_INBOX.x.done.A.B", ""},
		"_INBOX.x.done.":    {"_INBOX.x.done.", ""},
		"_INBOX.x.done":     {"_INBOX.x.done", ""},
		"abandoned.A":       {"abandoned.A", ""},
		"done.A":            {"done.A", ""},
		"x":                 {"x", ""},
		".":                 {".", ""},
		"":                  {"", ""},
	} {
		if subject, own := AnswerTo(reply); [2]string{subject, own} != want {
			t.Errorf("AnswerTo(%q) = %q, %q, want %q", reply, subject, own, want)
		}
	}
}

func TestAnsweredAttempt(t *testing.T) {
	a := Attempt{Incarnation: 1, Slot: 2, Generation: 3, Random: 4}
	for _, c := range []struct {
		subject, reply string
		ok             bool
	}{
		{DoneSubject(a), "", true},
		{DoneSubject(a), "any", true},
		{SubjectDone, a.String(), true},
		{SubjectDone, DoneSubject(a), true},
		{"_INBOX.x.t." + a.String(), "", true},
		{SubjectDone, "", false},
		{SubjectDone, SubjectDone, false},
		{SubjectDone, DoneSubject(a) + ".x", false},
		{SubjectDone + ".x", DoneSubject(a), false},
		{"", "", false},
	} {
		if got, err := AnsweredAttempt(c.subject, c.reply); (err == nil) != c.ok || c.ok && got != a {
			t.Errorf("AnsweredAttempt(%q, %q) = %v, %v, want %v", c.subject, c.reply, got, err, c.ok)
		}
	}
	// What is answered where AnswerTo says is an answer to the same attempt.
	if got, err := AnsweredAttempt(AnswerTo(DoneSubject(a))); got != a || err != nil {
		t.Errorf("the answer to %v is to %v, %v", a, got, err)
	}
}

func TestServiceOf(t *testing.T) {
	for _, c := range []struct {
		subject, service string
		ok               bool
	}{
		{"localfe", "", true},
		{"localfe.gpu", "gpu", true},
		{"localfe.", "", false},
		{"localfe.a.b", "", false},
		{"localfe.a b", "", false},
		{"localfex", "", false},
		{"local", "", false},
		{"", "", false},
	} {
		if service, ok := ServiceOf(c.subject, SubjectRequest); service != c.service || ok != c.ok {
			t.Errorf("ServiceOf(%q) = %q, %v, want %q, %v", c.subject, service, ok, c.service, c.ok)
		}
	}
}

func TestCheckInbox(t *testing.T) {
	for subject, want := range map[string]string{
		"_INBOX.abc.1":  "",
		"w1":            "",
		"a*b.c>d":       "", // no wildcards: NATS takes them so only as whole tokens
		"localfes":      "",
		"clouds.x":      "",
		"x.cloud":       "",
		"":              "no reply subject",
		"$SYS.REQ":      "an inbox in the server's own $ subjects",
		"a..b":          "an inbox with an empty token",
		".a":            "an inbox with an empty token",
		"a.":            "an inbox with an empty token",
		"a.*":           "an inbox with a wildcard",
		"*":             "an inbox with a wildcard",
		"a.>":           "an inbox with a wildcard",
		"a b":           "an inbox with white space",
		"a.b\t":         "an inbox with white space",
		"a\r\nPUB b":    "an inbox with white space",
		"localfe":       "an inbox in the mesh's own subjects",
		"localbe.done":  "an inbox in the mesh's own subjects",
		"cloud.DC2":     "an inbox in the mesh's own subjects",
		"state.DC2.any": "an inbox in the mesh's own subjects",

		strings.Repeat("w", MaxSubject):   "",
		strings.Repeat("w", MaxSubject+1): "an inbox that is too long",
	} {
		if got := CheckInbox(subject); got != want {
			t.Errorf("CheckInbox(%q) = %q, want %q", subject, got, want)
		}
	}
}
