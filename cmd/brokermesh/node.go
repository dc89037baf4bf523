package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/brokermesh/brokermesh/node"
)

// nodeCommand runs one node, configured by the environment alone.
func nodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "node",
		Short: "Run one node, configured by environment variables",
		Long: `Run one node until SIGTERM, SIGINT or SIGHUP; then it drains and ends with status 0.
A wrong configuration ends it with status 2, anything else that fails with 1.

There is nothing to reload: a new configuration takes a new start.

A second SIGTERM or SIGINT, 250ms later or more, ends it at once, as a crash would,
and the tasks that it has are not answered. Its worker processes are killed with all
that they started. Of a command that runs once a task only the sh is killed, and that
on Linux alone: what the sh has started goes on. With "exec" before it the command
takes the place of the sh.

` + variables(),
		Args: noArguments("; it is configured by variables, see --help"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			outliveLog()
			cfg, err := node.ConfigFromEnv()
			cfg.Logger = cfg.NewLogger(cmd.ErrOrStderr())
			if err != nil {
				err = fmt.Errorf("the configuration is wrong\n  %s", strings.ReplaceAll(err.Error(), "\n", "\n  "))
			} else {
				err = runNode(cmd.Context(), cfg)
			}
			if err != nil && cfg.LogFormat == "json" { // for a program, which can read nothing else
				cfg.Logger.Error("the node failed", "error", err)
				return toldError{err}
			}
			return err
		},
	}
}

func runNode(ctx context.Context, cfg node.Config) error {
	for _, name := range node.UnknownVariables() {
		cfg.Logger.Warn("unknown variable; see brokermesh node --help", "variable", name)
	}
	n, err := node.New(cfg)
	if err != nil {
		return err
	}
	node.Dedicate()
	return failed(n.Run(ctx))
}

func variables() string {
	var text strings.Builder
	text.WriteString("Variables:\n")
	if err := node.Usage(&text); err != nil {
		return err.Error() // a mistake in the tags of node.Config; a test looks
	}
	return text.String()
}
