// Brokermesh is a broker mesh on NATS. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitFailed = 1
	exitConfig = 2 // the configuration or the command line is wrong
)

// oneSignal is for how long a signal that comes again is the first one, said twice:
// timeout(1) sends its own to the process and, at once, to the process's group.
const oneSignal = 250 * time.Millisecond

func main() {
	ends := []os.Signal{syscall.SIGTERM, os.Interrupt}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP) // the terminal and the shell may both say it
		time.Sleep(oneSignal)
		stop() // another second signal ends the process at once
	})
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// outliveLog has a log that nobody reads any more not end the process. When a terminal is
// closed, what the log was piped to may be gone before the node is. (It is caught, not
// ignored: commands that the process starts have it as ever.)
func outliveLog() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// run runs the command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "brokermesh",
		Short:         "A broker mesh on NATS: tasks to idle workers, here or at a peer",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(nodeCommand(), demoCommand(), watchCommand(), workerCommand(), simCommand(), whyCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if told := (toldError{}); !errors.As(err, &told) {
		const name = "brokermesh: "
		fmt.Fprintln(stderr, name+strings.ReplaceAll(err.Error(), "\n", "\n"+strings.Repeat(" ", len(name)))) // of several faults each is below the other
	}
	if failed := (runError{}); errors.As(err, &failed) {
		return exitFailed
	}
	return exitConfig
}

// version is what the go command knows of this build: a tag or a commit.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// noArguments is for commands that take flags only, with a hint at where an argument
// would go. Cobra calls it an unknown command. It is not told: it may be an address
// with a password.
func noArguments(hint string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%s takes no arguments%s", cmd.Name(), hint)
		}
		return nil
	}
}

// runError marks what went wrong after the command line and the configuration
// were found to be good.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// toldError marks what the log has told already.
type toldError struct{ error }

func (e toldError) Unwrap() error { return e.error }

func failed(err error) error {
	if err == nil {
		return nil
	}
	return runError{err}
}
