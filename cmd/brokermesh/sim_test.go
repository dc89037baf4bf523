package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The fields of --json are an interface.
func TestSimJSON(t *testing.T) {
	var out, errs bytes.Buffer
	args := strings.Fields("sim --nodes 3 --workers 4 --tasks 3000 --policy default,global --json")
	if status := run(t.Context(), args, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	var got struct {
		Policies []map[string]any `json:"policies"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Policies) != 2 || got.Policies[0]["policy"] != "default" || got.Policies[1]["policy"] != "global" {
		t.Fatalf("%v", got)
	}
	for _, field := range []string{"utilisation", "delegated", "nack", "state_msgs_per_node_s", "control_msgs_per_node_s", "lost", "delayed"} {
		if _, ok := got.Policies[0][field].(float64); !ok {
			t.Errorf("%s is %v", field, got.Policies[0][field])
		}
	}
	waits, _ := got.Policies[0]["wait_ms"].(map[string]any)
	for _, field := range []string{"mean", "p50", "p99", "p999"} {
		if _, ok := waits[field].(float64); !ok {
			t.Errorf("wait_ms: %s is %v", field, waits[field])
		}
	}
}

func TestSimWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--nodes 0":                "--nodes: from 1",
		"--hot 9":                  "--hot: load cannot be",
		"--service gamma:1ms":      "--service",
		"--kill x":                 "--kill",
		"--kill 9@1s":              "--kill: node 9 of 3",
		"--join 3":                 "--join",
		"--join DC1@1s,1@2s":       "--join: node 1 joins twice",
		"--arrivals rush":          "--arrivals",
		"--policy default,best":    "--policy",
		"--policy=":                "--policy",
		"--far 1ms":                "--far: needs regions",
		"--nonsense":               "--nonsense",
		"--regions 2":              "brokermesh: --far: regions need the delay between two of them, not below that within one, 1ms\n",
		"--kill 1@-3s":             "brokermesh: --kill: from 0 to 24h0m0s\n",
		"--join 1@5s --kill 1@3s":  "brokermesh: --kill: node 1 dies before it joins\n",
		"--loss 2 --workers -1":    "brokermesh: --workers: from 1 to 3333333 at 3 nodes\n            --loss: from 0 to 0.5\n",
		"--tasks 0 --interval -1s": "--interval",
	} {
		var out, errs bytes.Buffer
		status := run(t.Context(), append([]string{"sim"}, strings.Fields(args)...), &out, &errs)
		if status != exitConfig || !strings.Contains(errs.String(), want) || strings.HasPrefix(want, "brokermesh: ") && errs.String() != want {
			t.Errorf("%s: status %d, %s", args, status, &errs)
		}
	}
}

func TestSimCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if status := run(ctx, []string{"sim"}, &out, &errs); status != exitFailed || out.Len() > 0 {
		t.Errorf("status %d, %s%s", status, &out, &errs)
	}
}

// A plot is an SVG that every reader of XML takes, whatever there is to show.
func TestSimPlot(t *testing.T) {
	for _, args := range []string{
		"--tasks 1 --policy default",
		"--tasks 3000 --policy default,none,peering3,queue-group,oracle,global",
		"--tasks 20000 --load 3 --service det:10s --policy none",
		"--tasks 3000 --policy default,global --join 2@500ms,3@1s --kill 2@2s",
		"--tasks 20 --service det:1us --delay 0 --policy global",
	} {
		file := filepath.Join(t.TempDir(), "waits.svg")
		var out, errs bytes.Buffer
		if status := run(t.Context(), append(strings.Fields("sim --workers 4 --plot "+file), strings.Fields(args)...), &out, &errs); status != 0 {
			t.Fatalf("%s: status %d: %s", args, status, &errs)
		}
		svg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", args, err)
			}
		}
		if strings.Contains(string(svg), "NaN") {
			t.Errorf("%s: a place that is no number", args)
		}
	}
}
