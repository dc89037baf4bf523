package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
)

// Config sets up a node. A field left at its zero value has its default. The
// tags say how ConfigFromEnv reads it: prefix MESH, the default, what it means,
// and what is allowed.
type Config struct {
	Name             string        `split_words:"true" desc:"name of this node, unique in the mesh (default: from the host's name)" allowed:"1 to 64 characters of A-Z a-z 0-9 _ -"`
	Region           string        `split_words:"true" desc:"where this node is: work stays among the nodes of a region while they can do it" allowed:"1 to 64 characters of A-Z a-z 0-9 _ -"`
	Listen           string        `split_words:"true" default:"127.0.0.1:4222" desc:"where clients and workers connect" allowed:"host:port, both given (0.0.0.0: all addresses of the machine), no two the same; port 0 takes a free one"`
	CloudListen      string        `split_words:"true" default:"127.0.0.1:4223" desc:"where tools connect to the cloud plane" allowed:"host:port, both given (0.0.0.0: all addresses of the machine), no two the same; port 0 takes a free one"`
	ClusterListen    string        `split_words:"true" default:"127.0.0.1:6222" desc:"where the other nodes connect" allowed:"host:port, both given (0.0.0.0: all addresses of the machine), no two the same; port 0 takes a free one"`
	ClusterAdvertise string        `split_words:"true" desc:"where the other nodes reach this one, if not at the address that they see: behind a NAT, a proxy or a container's port" allowed:"host:port, not 0.0.0.0; not together with MESH_CLOUD_URL"`
	Peers            []string      `split_words:"true" desc:"MESH_CLUSTER_LISTEN of other nodes, separated by commas; one is enough, it tells of the rest" allowed:"host:port, separated by commas"`
	CloudURL         string        `split_words:"true" desc:"an existing NATS as cloud plane instead of an embedded server: its URLs, separated by commas" allowed:"nats:// or tls:// and host, separated by commas, or ws:// or wss:// all of them; no node's MESH_LISTEN; not together with MESH_PEERS"`
	CloudCreds       string        `split_words:"true" desc:"credentials file for MESH_CLOUD_URL" allowed:"a file that can be read; only with MESH_CLOUD_URL"`
	HealthListen     string        `split_words:"true" desc:"where HTTP probes ask: GET /healthz, is the process alive; GET /readyz, does the node serve; nowhere by default" allowed:"host:port, both given (0.0.0.0: all addresses of the machine), no two the same; port 0 takes a free one"`
	QueueLimit       int           `split_words:"true" default:"10000" desc:"tasks that may wait; one more is refused with 429; one client gets eight ninths of it at most" allowed:"a number from 1 to 10000000; 0: the default"`
	QueueBytes       int           `split_words:"true" default:"268435456" desc:"bytes of tasks that may wait (256 MiB); one more task is refused with 429; one client gets eight ninths of it at most" allowed:"a number from 1 to 1000000000000; 0: the default"`
	QueueTimeout     time.Duration `split_words:"true" default:"4s" desc:"how long a task without a Mesh-Timeout may wait to start, then 503" allowed:"a duration such as 4s or 500ms, at most 720h; 0: the default"`

	AttemptTimeout time.Duration `split_words:"true" default:"0s" desc:"how long a worker may take for a task before it is given to another; 0: as long as the client waits" allowed:"a duration such as 30s, at most 720h, or 0"`
	MaxAttempts    int           `split_words:"true" default:"5" desc:"a task that was lost with so many workers fails with 500" allowed:"a number from 1 to 1000; 0: the default"`
	DedupWindow    time.Duration `split_words:"true" default:"2m" desc:"how long the answer to a request with a Nats-Msg-Id is kept for its repeats" allowed:"a duration such as 2m, at most 720h; 0: the default"`
	DedupBytes     int           `split_words:"true" default:"67108864" desc:"how many bytes of such answers are kept, the newest ones" allowed:"a number from 1 to 1000000000000; 0: the default"`
	DrainTimeout   time.Duration `split_words:"true" default:"30s" desc:"how long a node that is told to end waits for its tasks" allowed:"a duration such as 30s, at most 720h; 0: the default"`
	Workers        int           `split_words:"true" desc:"workers that the node runs itself; 0: one if there is a MESH_WORKER_COMMAND or MESH_WORKER_PROCESS, else none" allowed:"a number from 0 to 1000; above 0 only with MESH_WORKER_COMMAND or MESH_WORKER_PROCESS"`
	WorkerCommand  string        `split_words:"true" desc:"what each of them runs for every task: the payload is its standard input, its standard output the answer" allowed:"a command for sh -c"`
	WorkerProcess  string        `split_words:"true" desc:"what each of them is instead: a program that speaks the worker protocol to NATS_URL, started again when it ends" allowed:"a command for sh -c; not together with MESH_WORKER_COMMAND"`
	LogLevel       string        `split_words:"true" default:"info" desc:"least level that is logged" allowed:"debug, info, warn, error"`
	LogFormat      string        `split_words:"true" default:"text" desc:"how log lines are written" allowed:"text, json"`

	// Logger gets what the node has to say; nil: nothing is logged.
	Logger *slog.Logger `ignored:"true"`
}

// withDefaults returns the configuration with every zero field set.
func (c Config) withDefaults() Config {
	if c.Name == "" {
		host, _ := os.Hostname() // without one the name is "node"
		c.Name = mesh.NameFromHost(host)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Peers == nil {
		c.Peers = []string{} // a log in JSON has [] for none, and not null
	}
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		if value := fields.Type().Field(i).Tag.Get("default"); value != "" && fields.Field(i).IsZero() {
			setDefault(fields.Field(i), value)
		}
	}
	return c
}

// setDefault sets a field from its tag. A tag that does not fit its field is a
// mistake in this package, and no caller's.
func setDefault(field reflect.Value, value string) {
	var err error
	switch to := field.Addr().Interface().(type) {
	case *string:
		*to = value
	case *int:
		*to, err = strconv.Atoi(value)
	case *time.Duration:
		*to, err = time.ParseDuration(value)
	default:
		err = fmt.Errorf("no default for a %s", field.Type())
	}
	if err != nil {
		panic("node: default of a Config field: " + err.Error())
	}
}

// A Fault is one wrong value of a configuration.
type Fault struct {
	Variable string // as it is called in the environment: MESH_...
	Value    string
	Allowed  string
}

func (f Fault) Error() string {
	return fmt.Sprintf("%s is %q; allowed: %s", f.Variable, f.Value, f.Allowed)
}

// faultOf says that a field of Config, called as it is in Go, holds a wrong value.
func faultOf(field, value string) Fault {
	f, _ := reflect.TypeFor[Config]().FieldByName(field)
	return Fault{Variable: variable(field), Value: value, Allowed: f.Tag.Get("allowed")}
}

// check returns all faults of the configuration at once, joined.
func (c Config) check() error {
	var faults []error
	want := func(ok bool, field, value string) {
		if !ok {
			faults = append(faults, faultOf(field, value))
		}
	}
	want(mesh.CheckToken(c.Name) == nil, "Name", c.Name)
	want(c.Region == "" || mesh.CheckToken(c.Region) == nil, "Region", c.Region)
	taken := make(map[string]bool)
	listens := func(field, address string, used bool) { // one that is not used is nobody's hindrance, nor hindered
		want(isAddress(address) && (!used || !taken[address]), field, address)
		taken[address] = taken[address] || used && !strings.HasSuffix(address, ":0")
	}
	listens("Listen", c.Listen, true)
	listens("CloudListen", c.CloudListen, c.CloudURL == "")
	listens("ClusterListen", c.ClusterListen, c.CloudURL == "")
	if c.HealthListen != "" {
		listens("HealthListen", c.HealthListen, true)
	}
	want(c.ClusterAdvertise == "" || !notAPeer(c.ClusterAdvertise) && !isEverywhere(c.ClusterAdvertise) && c.CloudURL == "", "ClusterAdvertise", c.ClusterAdvertise)
	want(!slices.ContainsFunc(c.Peers, notAPeer), "Peers", strings.Join(c.Peers, ","))
	want(c.CloudURL == "" || isCloudURL(c.CloudURL, c.Listen) && len(c.Peers) == 0, "CloudURL", mesh.RedactURLs(c.CloudURL))
	want(c.CloudCreds == "" || c.CloudURL != "" && isReadable(c.CloudCreds), "CloudCreds", c.CloudCreds)
	want(1 <= c.QueueLimit && c.QueueLimit <= 10_000_000, "QueueLimit", strconv.Itoa(c.QueueLimit))
	want(1 <= c.QueueBytes && c.QueueBytes <= 1_000_000_000_000, "QueueBytes", strconv.Itoa(c.QueueBytes))
	want(0 < c.QueueTimeout && c.QueueTimeout <= mesh.MaxTimeout, "QueueTimeout", c.QueueTimeout.String())
	want(0 <= c.AttemptTimeout && c.AttemptTimeout <= mesh.MaxTimeout, "AttemptTimeout", c.AttemptTimeout.String())
	want(1 <= c.MaxAttempts && c.MaxAttempts <= 1000, "MaxAttempts", strconv.Itoa(c.MaxAttempts))
	want(0 < c.DedupWindow && c.DedupWindow <= mesh.MaxTimeout, "DedupWindow", c.DedupWindow.String())
	want(1 <= c.DedupBytes && c.DedupBytes <= 1_000_000_000_000, "DedupBytes", strconv.Itoa(c.DedupBytes))
	want(0 < c.DrainTimeout && c.DrainTimeout <= mesh.MaxTimeout, "DrainTimeout", c.DrainTimeout.String())
	want(0 <= c.Workers && c.Workers <= maxWorkers && (c.Workers == 0 || c.WorkerCommand != "" || c.WorkerProcess != ""), "Workers", strconv.Itoa(c.Workers))
	want(c.WorkerCommand == "" || strings.TrimSpace(c.WorkerCommand) != "", "WorkerCommand", c.WorkerCommand)
	want(c.WorkerProcess == "" || strings.TrimSpace(c.WorkerProcess) != "" && c.WorkerCommand == "", "WorkerProcess", c.WorkerProcess)
	_, ok := logLevels[c.LogLevel]
	want(ok, "LogLevel", c.LogLevel)
	want(c.LogFormat == "text" || c.LogFormat == "json", "LogFormat", c.LogFormat)
	return errors.Join(faults...)
}

// isAddress reports whether s is a host:port to listen on. The host must be
// written out: an empty one would listen everywhere by accident.
func isAddress(s string) bool {
	host, _, err := splitAddress(s)
	return err == nil && host != ""
}

// isCloudURL reports whether s is a list of URLs, with their schemes, that nats.go can
// connect to. None is the node's own local port, where it would find itself: what it
// sends to others came back to it, over and over.
func isCloudURL(s, local string) bool {
	servers := strings.Split(s, ",")
	return mesh.CheckURLs(servers...) == nil && !slices.ContainsFunc(servers, func(one string) bool {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" {
			return true
		}
		web := u.Scheme == "ws" || u.Scheme == "wss"
		return !web && net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), strconv.Itoa(nats.DefaultPort))) == local
	})
}

func isReadable(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat() // a folder can be opened; a pipe can be read once, and not for this
	return err == nil && !info.IsDir()
}

func notAPeer(s string) bool {
	host, port, err := splitAddress(s)
	return err != nil || host == "" || port == 0
}

// isEverywhere reports whether an address is all of the machine's: one to listen on.
// To who connects to it, it is his own machine.
func isEverywhere(s string) bool {
	host, _, _ := splitAddress(s)
	return net.ParseIP(host).IsUnspecified()
}

func splitAddress(s string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return host, int(n), err
}

var logLevels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
