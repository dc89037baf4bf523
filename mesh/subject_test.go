package mesh

import "testing"

func TestSubjects(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{CloudSubject("DC1"), "cloud.DC1"},
		{HeldSubject("DC1"), "cloud.DC1.held"},
		{StateSubject("DC1"), "state.DC1"},
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
	} {
		if got := CheckInbox(subject); got != want {
			t.Errorf("CheckInbox(%q) = %q, want %q", subject, got, want)
		}
	}
}
