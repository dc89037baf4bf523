package integration

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brokermesh/brokermesh/mesh"
	"github.com/brokermesh/brokermesh/node/nodetest"
)

// natsMain plays the nats command as far as the README uses it, so that the
// README can be tested where that command is not installed: req, pub and reply.
// A request that is answered with an error of the mesh fails, which the real
// command does not do.
func natsMain(args []string) error {
	flags := flag.NewFlagSet("nats", flag.ContinueOnError)
	server := flags.String("s", os.Getenv("NATS_URL"), "server")
	if err := flags.Parse(args); err != nil {
		return err
	}
	nc, err := nats.Connect(*server, nats.Timeout(nodetest.Timeout))
	if err != nil {
		return fmt.Errorf("%s: %w", *server, err)
	}
	defer nc.Close()
	switch args = flags.Args(); {
	case len(args) == 5 && args[0] == "req" && args[3] == "-H":
		name, value, _ := strings.Cut(args[4], ":")
		request := &nats.Msg{Subject: args[1], Data: []byte(args[2]), Header: nats.Header{name: {value}}}
		answer, err := nc.RequestMsg(request, 5*time.Second)
		if err != nil {
			return err
		}
		fmt.Printf("%v\n%s\n", answer.Header, answer.Data)
		if code := answer.Header.Get(mesh.HeaderErrorCode); code != "" {
			return fmt.Errorf("%s %s", code, answer.Header.Get(mesh.HeaderError))
		}
		return nil
	case len(args) == 5 && args[0] == "pub" && args[3] == "--reply":
		if err := nc.PublishRequest(args[1], args[4], []byte(args[2])); err != nil {
			return err
		}
		return nc.Flush()
	case len(args) == 3 && args[0] == "reply":
		requests := make(chan *nats.Msg, 64)
		if _, err := nc.ChanQueueSubscribe(args[1], "NATS-RPLY-22", requests); err != nil {
			return err
		}
		if err := nc.Flush(); err != nil {
			return err
		}
		fmt.Printf("Listening on %q\n", args[1])
		for m := range requests {
			if err := m.Respond([]byte(strings.ReplaceAll(args[2], "{{.Request}}", string(m.Data)))); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("the nats command of the tests does not know: nats " + strings.Join(args, " "))
}
