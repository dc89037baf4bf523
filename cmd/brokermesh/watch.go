package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/brokermesh/brokermesh/mesh"
)

// watchCommand prints what the nodes of a mesh say of themselves.
func watchCommand() *cobra.Command {
	var server string
	var length time.Duration
	var raw bool
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Print what the nodes of a mesh say of themselves, as it changes",
		Long: `Connect to the local or the cloud port of any node, and print a line whenever
a node of the mesh appears, leaves, falls silent or restarts, or its number of
workers, idle workers or waiting tasks changes, or what has become of its worker
processes. It ends with Ctrl-C or --for,
and reconnects by itself. Nobody there to begin with makes the exit status 1, and
so does output that cannot be written.

` + connectionVariables,
		Args: noArguments("; the address goes to -s"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := connection(server, os.Getenv)
			if length < 0 {
				err = errors.Join(err, errors.New("--for: 0 or more"))
			}
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			if length > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, length)
				defer cancel()
			}
			return failed(watch(ctx, cmd.OutOrStdout(), o, raw))
		},
	}
	f := cmd.Flags()
	f.StringVarP(&server, "server", "s", "", "URLs of any nodes' local or cloud ports, separated by commas (default: NATS_URL, or "+nats.DefaultURL+")")
	f.DurationVar(&length, "for", 0, "how long it runs; 0: until Ctrl-C")
	f.BoolVar(&raw, "json", false, "print the state messages as they come, each a line of JSON")
	return cmd
}

// printer prints until that fails.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) Write(b []byte) (n int, err error) {
	if p.err == nil {
		n, p.err = p.out.Write(b)
	}
	return n, p.err
}

// watch prints what changes until ctx ends, or there is nowhere to print it.
func watch(ctx context.Context, to io.Writer, o nats.Options, raw bool) error {
	out := &printer{out: to}
	place := mesh.RedactURLs(o.Servers...)
	messages := make(chan *nats.Msg, 4096)
	links := make(chan string, 16) // news of our own connection
	tell := func(news string) {
		select {
		case links <- news:
		default: // it flaps; a line less
		}
	}
	o.Name = "brokermesh watch"
	o.RetryOnFailedConnect = false // people wait for it
	o.DisconnectedErrCB = func(*nats.Conn, error) { tell("lost " + place + "; reconnecting") }
	o.ReconnectedCB = func(nc *nats.Conn) { tell("reconnected to " + mesh.RedactURLs(nc.ConnectedUrl())) }
	o.AsyncErrorCB = func(_ *nats.Conn, _ *nats.Subscription, err error) { tell(err.Error()) }
	nc, err := o.Connect()
	if err != nil {
		return fmt.Errorf("cannot reach %s: %w", place, err)
	}
	defer nc.Close()
	// On a cloud port what changes in a large mesh is told to neighbours only.
	for _, subject := range []string{mesh.StateSubject("*"), mesh.NewsSubject("*")} {
		if _, err := nc.ChanSubscribe(subject, messages); err != nil {
			return fmt.Errorf("watch %s: %w", place, err)
		}
	}

	p := newPeople(out)
	silence := time.NewTimer(time.Hour)
	defer silence.Stop()
	for out.err == nil {
		silence.Reset(p.wake(time.Now()))
		select {
		case m := <-messages:
			if raw {
				fmt.Fprintf(out, "%s\n", m.Data)
			} else {
				name, _ := mesh.StateOf(m.Subject)
				p.hear(time.Now(), name, m.Data)
			}
		case news := <-links:
			if !raw {
				p.linked(time.Now(), nc.IsConnected(), news)
			}
		case <-silence.C:
			p.listen(time.Now())
		case <-ctx.Done():
			return nil
		}
	}
	return out.err
}
