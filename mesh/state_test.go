package mesh

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const exampleState = `{"version":1,"name":"DC1","incarnation":"10","sequence":7,"sent_at":"2026-01-02T03:04:05Z","uptime_ms":1500,` +
	`"services":[{"service":"","workers":5,"idle":2,"waiting":0,"excess":0,"guests":1,"service_ms":1.5,"oldest_ms":0,"spare":12.5,"demand":3}],"received":{"DC2":17}}`

func TestStateText(t *testing.T) {
	want := State{
		Version: 1, Name: "DC1", Incarnation: "10", Sequence: 7, SentAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), UptimeMS: 1500,
		Services: []Load{{Workers: 5, Idle: 2, Guests: 1, ServiceMS: 1.5, Spare: 12.5, Demand: 3}},
		Received: map[string]uint64{"DC2": 17},
	}
	got, incarnation, err := ParseState("DC1", []byte(exampleState))
	if err != nil || incarnation != 36 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %d, %v", got, incarnation, err)
	}
	text, err := json.Marshal(want)
	if string(text) != exampleState || err != nil {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, maxCount)
		load := rapid.Custom(func(t *rapid.T) Load {
			l := Load{Service: anyService.Draw(t, "service"), Workers: count.Draw(t, "workers"), Waiting: count.Draw(t, "waiting")}
			l.Idle, l.Guests = rapid.IntRange(0, l.Workers).Draw(t, "idle"), rapid.IntMin(0).Draw(t, "guests")
			measured := rapid.Float64Range(0, maxCount)
			l.ServiceMS, l.OldestMS = measured.Draw(t, "run time"), rapid.Int64Min(0).Draw(t, "oldest")
			l.Excess, l.Spare, l.Demand = rapid.IntRange(0, l.Waiting).Draw(t, "excess"), measured.Draw(t, "spare"), measured.Draw(t, "demand")
			return l
		})
		incarnation := anyIncarnation.Draw(t, "incarnation")
		s := State{
			Version: Version, Name: anyToken.Draw(t, "name"), Incarnation: incarnation.String(), Sequence: rapid.Uint64().Draw(t, "sequence"),
			SentAt: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "sent"), 0).UTC(), UptimeMS: rapid.Int64Min(0).Draw(t, "uptime"),
			Region: rapid.SampledFrom([]string{"", "eu", "us-east_1"}).Draw(t, "region"), Draining: rapid.Bool().Draw(t, "draining"), Leaving: rapid.Bool().Draw(t, "leaving"), Services: rapid.SliceOfN(load, 0, 5).Draw(t, "services"),
		}
		if rapid.Bool().Draw(t, "processes") {
			p := Processes{Wanted: count.Draw(t, "wanted"), Crashes: rapid.Uint64().Draw(t, "crashes"), Circuit: rapid.SampledFrom([]string{"closed", "open", "trying"}).Draw(t, "circuit")}
			p.Running = rapid.IntRange(0, p.Wanted).Draw(t, "running")
			s.Processes = &p
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got, i, err := ParseState(s.Name, text)
		if err != nil || i != incarnation || !reflect.DeepEqual(got, s) {
			t.Fatalf("got %+v, %d, %v, want %+v", got, i, err, s)
		}
	})
}

func TestParseStateAccepts(t *testing.T) {
	_, services, found := strings.Cut(exampleState, `"uptime_ms":1500`)
	if !found {
		t.Fatal("the example has changed")
	}
	for _, change := range [][2]string{
		{`"version":1`, fmt.Sprintf(`"version":%d`, Version+1)},
		{`"version":1`, `"version":1,"future":{"field":[]}`},
		{`"guests":1`, `"guests":1,"future":true`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"draining":true,"leaving":true`},
		{`"service":""`, `"service":"gpu"`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"processes":{"wanted":4,"running":3,"crashes":9,"circuit":"later","future":1}`},
		{services, `}`},
	} {
		if _, _, err := ParseState("DC1", []byte(strings.Replace(exampleState, change[0], change[1], 1))); err != nil {
			t.Errorf("with %s: %v", change[1], err)
		}
	}
}

func TestParseStateMalformed(t *testing.T) {
	if _, _, err := ParseState("DC2", []byte(exampleState)); err == nil || err.Error() != `state of "DC1" sent as "DC2"` {
		t.Errorf("another node's name: %v", err)
	}
	if _, _, err := ParseState("D C", []byte(strings.Replace(exampleState, "DC1", "D C", 1))); err == nil {
		t.Error("a name that is none is accepted where it is the subject's")
	}
	many := strings.Repeat(`{"service":"a"},`, MaxServices) + `{"service":"a"}`
	for _, change := range [][2]string{
		{exampleState, ``},
		{exampleState, `null`},
		{exampleState, `[]`},
		{exampleState, exampleState[1:]},
		{exampleState, exampleState + exampleState},
		{`"version":1,`, ``},
		{`"version":1`, fmt.Sprintf(`"version":%d`, Version+2)},
		{`"version":1`, `"version":-1`},
		{`"name":"DC1"`, `"name":""`},
		{`"name":"DC1"`, `"name":"D.C"`},
		{`"incarnation":"10"`, `"incarnation":"0"`},
		{`"incarnation":"10"`, `"incarnation":10`},
		{`"sequence":7`, `"sequence":-7`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"region":"e u"`},
		{`"service":""`, `"service":"a.b"`},
		{`"workers":5`, `"workers":1`}, // fewer than are idle
		{`"workers":5`, `"workers":1073741825`},
		{`"idle":2`, `"idle":-1`},
		{`"waiting":0`, `"waiting":-1`},
		{`"waiting":0`, `"waiting":1073741825`},
		{`"guests":1`, `"guests":-1`},
		{`"service_ms":1.5`, `"service_ms":-1`},
		{`"oldest_ms":0`, `"oldest_ms":-1`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"processes":{"wanted":2,"running":3,"circuit":"closed"}`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"processes":{"wanted":2,"running":-1,"circuit":"closed"}`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"processes":{"wanted":1073741825,"circuit":"closed"}`},
		{`"uptime_ms":1500`, `"uptime_ms":1500,"processes":{"wanted":2,"circuit":"\u001b[31m"}`},
		{`"excess":0`, `"excess":1`}, // more than wait
		{`"spare":12.5`, `"spare":-1`},
		{`"demand":3`, `"demand":1e300`},
		{`"DC2":17`, `"DC2":-1`},
		{`{"service":"","workers":5,"idle":2,"waiting":0,"excess":0,"guests":1,"service_ms":1.5,"oldest_ms":0,"spare":12.5,"demand":3}`, many},
	} {
		text := strings.Replace(exampleState, change[0], change[1], 1)
		if s, _, err := ParseState("DC1", []byte(text)); err == nil {
			t.Errorf("with %.60s: %+v", change[1], s)
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add([]byte(exampleState))
	f.Add([]byte(`{"version":2,"name":"DC1","incarnation":"z","services":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, incarnation, err := ParseState("DC1", data)
		if err != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, i, err := ParseState("DC1", text)
		if err != nil || i != incarnation {
			t.Fatalf("%s is then read as incarnation %d, %v", text, i, err)
		}
		if second, err := json.Marshal(again); string(second) != string(text) || err != nil {
			t.Errorf("%s becomes %s, %v", text, second, err)
		}
	})
}
