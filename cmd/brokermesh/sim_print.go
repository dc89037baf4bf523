package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// printSimJSON prints results for programs.
func printSimJSON(out io.Writer, results []forecast.Result) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Policies []forecast.Result `json:"policies"`
	}{results})
}

// printSimTable prints results for people.
func printSimTable(out io.Writer, results []forecast.Result) error {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "policy\tmean wait\tp50\tp99\tp99.9\t")
	if results[0].Around != nil {
		fmt.Fprint(t, "at deaths p99.9\t")
	}
	fmt.Fprintln(t, "busy\tdelegated\tgiven back\tstate/node/s\tcontrol/node/s\tdelayed\tlost\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t", r.Policy, wait(r.WaitMS.Mean), wait(r.WaitMS.P50), wait(r.WaitMS.P99), wait(r.WaitMS.P999))
		if r.Around != nil {
			fmt.Fprintf(t, "%s\t", wait(r.Around.P999))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.0f\t%.0f\t%d\t%d\t\n",
			percent(r.Utilisation), percent(r.Delegated), percent(r.NACK), r.StateMsgs, r.ControlMsgs, r.Delayed, r.Lost)
	}
	return t.Flush()
}

// wait writes milliseconds with three digits.
func wait(ms float64) string {
	switch {
	case ms == 0:
		return "0ms"
	case ms < 0.001:
		return "<1µs"
	case ms < 1:
		return strconv.FormatFloat(ms*1000, 'g', 3, 64) + "µs"
	case ms >= 100_000:
		return strconv.FormatFloat(ms/1000, 'f', 0, 64) + "s"
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + "s"
	}
	return strconv.FormatFloat(ms, 'g', 3, 64) + "ms"
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "%" }
