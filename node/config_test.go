package node_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brokermesh/brokermesh/node"
)

// environment sets the MESH_ variables to just these, for one test.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "MESH_") {
			t.Setenv(name, "") // comes back after the test
			os.Unsetenv(name)
		}
	}
	for name, value := range set {
		t.Setenv(name, value)
	}
}

// faults returns the faults that an error joins.
func faults(err error) []node.Fault {
	var all []node.Fault
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, faults(e)...)
		}
		return all
	}
	if f, ok := err.(node.Fault); ok { //nolint:errorlint // it walks the tree itself
		all = append(all, f)
	}
	return all
}

var defaults = node.Config{
	Listen: "127.0.0.1:4222", CloudListen: "127.0.0.1:4223", ClusterListen: "127.0.0.1:6222",
	QueueLimit: 10_000, QueueBytes: 256 << 20, QueueTimeout: 4 * time.Second, MaxAttempts: 5, DrainTimeout: 30 * time.Second,
	DedupWindow: 2 * time.Minute, DedupBytes: 64 << 20,
	LogLevel: "info", LogFormat: "text",
}

func TestConfigFromEnv(t *testing.T) {
	for _, c := range []struct {
		what string
		set  map[string]string
		want func(*node.Config)
	}{
		{"nothing set", nil, func(*node.Config) {}},
		{"everything set", map[string]string{
			"MESH_NAME": "DC1", "MESH_REGION": "eu", "MESH_LISTEN": "0.0.0.0:1", "MESH_CLOUD_LISTEN": "[::1]:2", "MESH_CLUSTER_LISTEN": "host.example:0", "MESH_HEALTH_LISTEN": "127.0.0.1:8080",
			"MESH_PEERS": "a:1,b:2", "MESH_QUEUE_LIMIT": "7", "MESH_QUEUE_BYTES": "8", "MESH_QUEUE_TIMEOUT": "1m", "MESH_ATTEMPT_TIMEOUT": "2s", "MESH_MAX_ATTEMPTS": "3",
			"MESH_DRAIN_TIMEOUT": "1500ms", "MESH_DEDUP_WINDOW": "1h", "MESH_DEDUP_BYTES": "9", "MESH_WORKERS": "4", "MESH_WORKER_COMMAND": "sort | uniq", "MESH_LOG_LEVEL": "debug", "MESH_LOG_FORMAT": "json",
		}, func(c *node.Config) {
			*c = node.Config{
				Name: "DC1", Region: "eu", Listen: "0.0.0.0:1", CloudListen: "[::1]:2", ClusterListen: "host.example:0", HealthListen: "127.0.0.1:8080",
				Peers: []string{"a:1", "b:2"}, QueueLimit: 7, QueueBytes: 8, QueueTimeout: time.Minute, AttemptTimeout: 2 * time.Second, MaxAttempts: 3,
				DrainTimeout: 1500 * time.Millisecond, DedupWindow: time.Hour, DedupBytes: 9, Workers: 4, WorkerCommand: "sort | uniq", LogLevel: "debug", LogFormat: "json",
			}
		}},
		{"peers as people write them", map[string]string{"MESH_PEERS": " a:1 , b:2,, "}, func(c *node.Config) { c.Peers = []string{"a:1", "b:2"} }},
		{"an existing NATS", map[string]string{"MESH_CLOUD_URL": "tls://a:1,nats://b", "MESH_CLOUD_CREDS": "config_test.go"}, func(c *node.Config) {
			c.CloudURL, c.CloudCreds = "tls://a:1,nats://b", "config_test.go" // any file that can be read
		}},
		{"worker processes", map[string]string{"MESH_WORKERS": "2", "MESH_WORKER_PROCESS": "exec worker"}, func(c *node.Config) {
			c.Workers, c.WorkerProcess = 2, "exec worker"
		}},
		{"no peers", map[string]string{"MESH_PEERS": " "}, func(*node.Config) {}},
	} {
		t.Run(c.what, func(t *testing.T) {
			environment(t, c.set)
			want := defaults
			c.want(&want)
			got, err := node.ConfigFromEnv()
			if got.Peers = slices.Clip(got.Peers); len(got.Peers) == 0 {
				got.Peers = nil
			}
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

// A variable that is set to nothing, as a file of settings may have it, counts
// as not set.
func TestConfigFromEnvEmpty(t *testing.T) {
	set := make(map[string]string)
	for _, name := range variables() {
		set[name] = ""
	}
	environment(t, set)
	got, err := node.ConfigFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	got.Peers = nil
	if !reflect.DeepEqual(got, defaults) {
		t.Errorf("got %+v, want %+v", got, defaults)
	}
}

var word = regexp.MustCompile("[A-Z]")

// variables returns the name of every variable, by the rule that the
// documentation gives.
func variables() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[node.Config]()) {
		if f.Name == "Logger" {
			continue
		}
		name := word.ReplaceAllString(strings.ReplaceAll(f.Name, "URL", "Url"), "_$0")
		names = append(names, "MESH"+strings.ToUpper(name))
	}
	return names
}

// wrong has a wrong value of each variable.
var wrong = map[string]string{
	"MESH_NAME": "a.b", "MESH_REGION": "eu.west", "MESH_LISTEN": "4222", "MESH_CLOUD_LISTEN": ":4223", "MESH_CLUSTER_LISTEN": "a:65536", "MESH_CLUSTER_ADVERTISE": "a:0", "MESH_PEERS": "a:1,b",
	"MESH_CLOUD_URL": "http://a", "MESH_CLOUD_CREDS": "/there/is/no/such.creds", "MESH_HEALTH_LISTEN": "8080",
	"MESH_QUEUE_LIMIT": "many", "MESH_QUEUE_BYTES": "1G", "MESH_QUEUE_TIMEOUT": "4", "MESH_ATTEMPT_TIMEOUT": "-1s", "MESH_MAX_ATTEMPTS": "1001",
	"MESH_DEDUP_WINDOW": "2", "MESH_DEDUP_BYTES": "64M", "MESH_DRAIN_TIMEOUT": "-30s", "MESH_WORKERS": "many", "MESH_WORKER_COMMAND": " ", "MESH_WORKER_PROCESS": " ", "MESH_LOG_LEVEL": "loud", "MESH_LOG_FORMAT": "xml",
}

// All faults are told at once, each with the variable, the value and what is
// allowed.
func TestConfigFromEnvFaults(t *testing.T) {
	environment(t, wrong)
	_, err := node.ConfigFromEnv()
	got := make(map[string]string)
	for _, f := range faults(err) {
		got[f.Variable] = f.Value
		if text := f.Error(); f.Allowed == "" || !strings.Contains(text, f.Variable) || !strings.Contains(text, f.Value) || !strings.Contains(text, f.Allowed) || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v is told as %q", f, text)
		}
	}
	if !reflect.DeepEqual(got, wrong) {
		t.Errorf("got %v, want %v", got, wrong)
	}
	if len(wrong) != len(variables()) {
		t.Errorf("%d variables are tried; there are %v", len(wrong), variables())
	}
}

func TestNewFaults(t *testing.T) {
	t.Parallel()
	for variable, set := range map[string]func(*node.Config){
		"MESH_NAME":           func(c *node.Config) { c.Name = strings.Repeat("x", 65) },
		"MESH_REGION":         func(c *node.Config) { c.Region = "e u" },
		"MESH_LISTEN":         func(c *node.Config) { c.Listen = ":0" },
		"MESH_CLOUD_LISTEN":   func(c *node.Config) { c.CloudListen = "a:b" },
		"MESH_CLUSTER_LISTEN": func(c *node.Config) { c.ClusterListen = "a:-1" },
		"MESH_PEERS":          func(c *node.Config) { c.Peers = []string{"a:0"} },
		"MESH_HEALTH_LISTEN":  func(c *node.Config) { c.HealthListen = ":8080" },
		"MESH_QUEUE_LIMIT":    func(c *node.Config) { c.QueueLimit = -1 },
		"MESH_QUEUE_BYTES":    func(c *node.Config) { c.QueueBytes = -1 },
		"MESH_DEDUP_WINDOW":   func(c *node.Config) { c.DedupWindow = -1 },
		"MESH_DEDUP_BYTES":    func(c *node.Config) { c.DedupBytes = -1 },
		"MESH_WORKERS":        func(c *node.Config) { c.Workers = 1 }, // without a command
		"MESH_WORKER_COMMAND": func(c *node.Config) { c.Workers, c.WorkerCommand = 1, "\t" },
		"MESH_WORKER_PROCESS": func(c *node.Config) { c.WorkerProcess, c.WorkerCommand = "worker", "cat" },
		"MESH_LOG_LEVEL":      func(c *node.Config) { c.LogLevel = "INFO" },
	} {
		cfg := node.Config{Name: "DC1"}
		set(&cfg)
		n, err := node.New(cfg)
		var f node.Fault
		if n != nil || !errors.As(err, &f) || f.Variable != variable || len(faults(err)) != 1 {
			t.Errorf("%s: %v", variable, err)
		}
	}
	all := node.Config{Name: "DC 1", Listen: "x", CloudListen: "x", ClusterListen: "x", QueueTimeout: -1, DrainTimeout: -1, MaxAttempts: -1, LogFormat: "x"}
	if _, err := node.New(all); len(faults(err)) != 8 {
		t.Errorf("not all eight: %v", err)
	}
	if _, err := node.New(node.Config{CloudURL: "ws://a,WSS://b"}); err != nil {
		t.Errorf("websockets alone: %v", err)
	}
	for _, url := range []string{"x://me:pass@word@host", "me:pass@word@host", "nats://me:pass@word@host,wss://b"} {
		if _, err := node.New(node.Config{CloudURL: url}); err == nil || strings.Contains(err.Error(), "word") || !strings.Contains(err.Error(), "host") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := node.New(node.Config{}); err != nil {
		t.Errorf("the zero Config: %v", err)
	}
}

// A node cannot listen twice on one address, nor be its own cloud plane; nobody reaches it at
// all addresses of his own machine; and a folder holds no credentials.
func TestNewFaultsTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variable string
		cfg      node.Config
	}{
		{"MESH_CLOUD_LISTEN", node.Config{CloudListen: "127.0.0.1:4222"}},
		{"MESH_CLUSTER_LISTEN", node.Config{ClusterListen: "127.0.0.1:4223"}},
		{"MESH_HEALTH_LISTEN", node.Config{HealthListen: "127.0.0.1:6222"}},
		{"MESH_CLUSTER_ADVERTISE", node.Config{ClusterAdvertise: "0.0.0.0:6222"}},
		{"MESH_CLUSTER_ADVERTISE", node.Config{ClusterAdvertise: "[::]:6222"}},
		{"MESH_CLOUD_CREDS", node.Config{CloudURL: "nats://other", CloudCreds: t.TempDir()}},
		{"MESH_CLOUD_URL", node.Config{CloudURL: "nats://other, nats://me:secret@127.0.0.1"}},
		{"MESH_CLOUD_URL", node.Config{Listen: "[::1]:4222", CloudURL: "nats://[::1]:4222"}},
	} {
		_, err := node.New(c.cfg)
		var f node.Fault
		if !errors.As(err, &f) || f.Variable != c.variable || len(faults(err)) != 1 {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
	for _, cfg := range []node.Config{
		{Listen: "127.0.0.1:0", CloudListen: "127.0.0.1:0", ClusterListen: "127.0.0.1:0", HealthListen: "127.0.0.1:0"},
		{CloudURL: "ws://127.0.0.1"},
		{ClusterListen: "0.0.0.0:6222", Peers: []string{"[::]:6222"}},       // of another node of this machine, as ClusterAddr has it
		{CloudURL: "nats://127.0.0.1:4223", HealthListen: "127.0.0.1:6222"}, // it listens on neither of these itself
		{CloudURL: "nats://127.0.0.1:4222", Listen: "127.0.0.1:4223"},       // nor on that of MESH_CLOUD_LISTEN
		{CloudURL: "nats://127.0.0.1:4222", Listen: "127.0.0.1:6222"},
	} {
		if _, err := node.New(cfg); err != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	environment(t, map[string]string{"MESH_NAME": "DC1", "MESH_QUEUELIMIT": "7", "MESH_LOGGER": "x", "MESH_": "", "MESHED": "no", "MY_MESH_NAME": "no"})
	if got, want := node.UnknownVariables(), []string{"MESH_", "MESH_LOGGER", "MESH_QUEUELIMIT"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := node.Usage(&out); err != nil {
		t.Fatal(err)
	}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[node.Config]()) {
		if f.Name == "Logger" {
			continue
		}
		line, rest, found := strings.Cut(out.String(), "  "+variables()[i]+" ")
		if !found {
			t.Errorf("%s is missing in\n%s", variables()[i], line)
			continue
		}
		for _, want := range []string{f.Tag.Get("default"), f.Tag.Get("desc"), f.Tag.Get("allowed")} {
			if entry, _, _ := strings.Cut(rest, "MESH_"+"\n"); !strings.Contains(entry, want) {
				t.Errorf("%s: %q is missing", variables()[i], want)
			}
		}
	}
}

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for level, lines := range map[string]int{"debug": 4, "info": 3, "": 3, "warn": 2, "error": 1} {
		for format, begins := range map[string]string{"text": "time=", "": "time=", "json": `{"time":`} {
			var out bytes.Buffer
			log := node.Config{LogLevel: level, LogFormat: format}.NewLogger(&out)
			for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				log.Log(t.Context(), l, "something")
			}
			if strings.Count(out.String(), "\n") != lines || !strings.HasPrefix(out.String(), begins) {
				t.Errorf("%q, %q: %s", level, format, out.String())
			}
		}
	}
}
