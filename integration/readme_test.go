package integration

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/brokermesh/brokermesh/node/nodetest"
)

// Every command of the README is run, as it stands, in the order it stands, with
// free ports in the place of those it names. A command that goes on (a node, a
// worker, the demo) is run until it says that it serves. The nats command is
// played by this test's own binary: see natsMain.
func TestReadme(t *testing.T) {
	embeddedOnly(t)
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(tools, "nats")); err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t, "4222", "4223", "6222", "4322", "4323", "6322")
	env := append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"),
		"NATS_URL=nats://127.0.0.1:"+ports["4222"], "MESH_LISTEN=127.0.0.1:"+ports["4222"],
		"MESH_CLOUD_LISTEN=127.0.0.1:"+ports["4223"], "MESH_CLUSTER_LISTEN=127.0.0.1:"+ports["6222"])

	// Where nothing is compiled yet it takes minutes, which is not what is tested.
	if out, err := exec.Command("make", "-C", root, "build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	mine := newModule(t)
	commands := readmeCommands(t, filepath.Join(root, "README.md"))
	if len(commands) < 8 {
		t.Fatalf("only %d commands found: %q", len(commands), commands)
	}
	for _, command := range commands {
		for documented, free := range ports {
			command = strings.ReplaceAll(command, ":"+documented, ":"+free)
		}
		runReadme(t, root, mine, env, command)
	}
	runReadme(t, mine, mine, env, "go vet ./...") // what it tells to do with a checkout has worked
}

// goesOn tells the commands that go on by what they say when they serve.
var goesOn = []struct{ command, says string }{
	{`^make run`, "Try from another terminal"},
	{`brokermesh node`, "node ready"},
	{`^nats (-s \S+ )?reply`, "Listening on"},
	{`brokermesh worker`, "connected"},
}

func runReadme(t *testing.T, root, mine string, env []string, command string) {
	t.Helper()
	dir := root
	switch {
	case strings.HasPrefix(command, "make test"):
		command = "make -n test" // this is it
	case strings.HasPrefix(command, "go mod"):
		dir = mine
		command = strings.ReplaceAll(command, "/path/to/checkout", root)
	}
	for _, g := range goesOn {
		if regexp.MustCompile(g.command).MatchString(command) {
			p := startIn(t, dir, env, command)
			p.await(1, g.says)
			if strings.HasPrefix(command, "make run") {
				_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) // the whole of it, as Ctrl-C does
				p.awaitEnd()
			}
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*nodetest.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// startIn starts a command line in a process group of its own, which ends with
// the test.
func startIn(t *testing.T, dir string, env []string, command string) *process {
	t.Helper()
	p := startCmd(t, command, func(cmd *exec.Cmd) {
		cmd.Dir, cmd.Env = dir, env
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}, "sh", "-c", command)
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }) // before p itself is waited for
	return p
}

// readmeCommands returns the lines of all sh blocks, without comments.
func readmeCommands(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var commands []string
	inside := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		switch line := lines.Text(); {
		case line == "```sh":
			inside = true
		case line == "```":
			inside = false
		case inside && strings.TrimSpace(line) != "":
			command, _, _ := strings.Cut(line, "  #")
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return commands
}

// freePorts finds a free port for each of those that are documented.
func freePorts(t *testing.T, documented ...string) map[string]string {
	t.Helper()
	free := make(map[string]string)
	for i, address := range nodetest.Addresses(t, len(documented)) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		free[documented[i]] = port
	}
	return free
}

// newModule makes somebody else's module, which imports packages of this one, also
// in a test.
func newModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"go.mod":  "module example.com/mine\n\ngo 1.26\n",
		"main.go": "package main\n\nimport _ \"github.com/brokermesh/brokermesh/workerpool\"\n\nfunc main() {}\n",
		"main_test.go": "package main\n\nimport (\n\t\"testing\"\n\n\t\"github.com/brokermesh/brokermesh/node/nodetest\"\n)\n\n" +
			"func TestMesh(t *testing.T) { nodetest.Start(t, 1) }\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
