package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/brokermesh/brokermesh/mesh"
)

// whyTimeout is how long a node has to answer.
const whyTimeout = 5 * time.Second

// whyCommand asks a node why a task went where it did.
func whyCommand() *cobra.Command {
	var server string
	var raw bool
	cmd := &cobra.Command{
		Use:   "why [attempt]",
		Short: "Tell why a task went where it did",
		Long: `Ask the node that took a task from its client where the task went, and on what
view of its peers that was decided. The attempt is the Mesh-Delegated header of
the reply, or Mesh-Attempt if there is none; without one, the node's last
decisions are told.

Nothing is told of a task that found an idle worker at its node at once, as most
do. A node remembers its last 1024 decisions.

` + connectionVariables,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := connection(server, os.Getenv)
			attempt := strings.Join(args, "")
			if attempt != "" {
				if _, parseErr := mesh.ParseAttempt(attempt); parseErr != nil {
					err = errors.Join(err, fmt.Errorf("%q: %w", attempt, parseErr))
				}
			}
			if err != nil {
				return err
			}
			return failed(why(cmd.Context(), cmd.OutOrStdout(), o, attempt, raw))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&server, "server", "s", "", "URL of the node's local port (default: NATS_URL, or "+nats.DefaultURL+")")
	f.BoolVar(&raw, "json", false, "print the node's answer as it comes, JSON")
	return cmd
}

// why asks, and prints the answer.
func why(ctx context.Context, out io.Writer, o nats.Options, attempt string, raw bool) error {
	o.Name = "brokermesh why"
	o.RetryOnFailedConnect = false
	nc, err := o.Connect()
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", mesh.RedactURLs(o.Servers...), err)
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, whyTimeout)
	defer cancel()
	answer, err := nc.RequestWithContext(ctx, mesh.SubjectWhy, []byte(attempt))
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("%s is not the local port of a node", mesh.RedactURLs(nc.ConnectedUrl()))
	case err != nil:
		return fmt.Errorf("%s: %w", mesh.RedactURLs(nc.ConnectedUrl()), err)
	case answer.Header.Get(mesh.HeaderError) != "":
		return errors.New(answer.Header.Get(mesh.HeaderError))
	}
	if raw {
		_, err := fmt.Fprintf(out, "%s\n", answer.Data)
		return err
	}
	var told mesh.Decisions
	if err := json.Unmarshal(answer.Data, &told); err != nil {
		return fmt.Errorf("%s: %w", mesh.RedactURLs(nc.ConnectedUrl()), err)
	}
	if len(told.Decisions) == 0 {
		return fmt.Errorf("node %s knows of no decision: there was an idle worker at once, or it is too long ago, or another node took the task", told.Node)
	}
	for _, d := range told.Decisions {
		if _, err := fmt.Fprintf(out, "%s task %d %s\n", d.At.Local().Format("15:04:05.000"), d.Task, reason(d)); err != nil {
			return err
		}
	}
	return nil
}

// reason is a decision in words.
func reason(d mesh.Decision) string {
	var b strings.Builder
	if d.Service != "" {
		fmt.Fprintf(&b, "(%s) ", d.Service)
	}
	if d.Origin != "" {
		fmt.Fprintf(&b, "of %s ", d.Origin)
	}
	b.WriteString(d.Did)
	if d.To != "" {
		b.WriteString(" to " + d.To)
	}
	if d.Attempt != "" {
		b.WriteString(" as " + d.Attempt)
	}
	if v := d.View; v != nil {
		arrivals := v.Arrivals
		if arrivals < 0.001 { // an average never quite gets to 0
			arrivals = 0
		}
		fmt.Fprintf(&b, ": %d waiting for %d workers, the first for %s; a task takes %s, %.3g a second come", v.Waiting, v.Workers, wait(v.OldestMS), wait(v.ServiceMS), arrivals)
		if v.Draining {
			b.WriteString("; the node shuts down")
		}
	}
	if d.Keep > 0 {
		fmt.Fprintf(&b, "; %d stay", d.Keep)
	}
	for i, c := range d.Candidates {
		slots, sep := "expected", ", "
		if c.Sure {
			slots = "sure"
		}
		if i == 0 {
			sep = "; slots: "
		}
		fmt.Fprintf(&b, "%s%s %.3g %s, %s away", sep, c.Peer, c.Slots, slots, wait(c.RoundTripMS))
	}
	if d.Did == mesh.Delegated && len(d.Candidates) == 0 {
		b.WriteString("; no peer had a slot, its queue is shorter")
	}
	if d.Did == mesh.Queued && d.Origin == "" {
		b.WriteString("; no peer had a slot for it")
	}
	return b.String()
}
