// Cells writes the tables of docs/routing.md: how long tasks wait in many kinds
// of mesh, with every policy that brokermesh sim has, and which of the policy's
// targets are met. It runs some minutes: make routing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	scale := flag.Float64("scale", 1, "so many times the tasks: less is sooner, and less exact")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: cells [-scale 1] docs/routing.md\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(flag.Arg(0), *scale, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cells:", err)
		os.Exit(1)
	}
}

// The part of the document between these is written anew.
const (
	begins = "<!-- from here on written by make routing -->\n"
	ends   = "<!-- until here -->\n"
)

// write runs all cells and puts what came of them into the document.
func write(file string, scale float64, progress io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if _, err := between(string(text), ""); err != nil { // before the work that would be in vain
		return fmt.Errorf("%s: %w", file, err)
	}
	var cells []cell
	for _, g := range groups() {
		cells = append(cells, g.cells...)
	}
	answers, err := ask(append(cells, deaths()...), scale, progress)
	if err != nil {
		return err
	}
	changed, err := between(string(text), document(answers))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(changed), 0o644)
}

// between puts what is new between the two marks.
func between(text, anew string) (string, error) {
	before, rest, found := strings.Cut(text, begins)
	_, after, ended := strings.Cut(rest, ends)
	if !found || !ended {
		return "", errors.New("it has no marks to write between: " + strings.TrimSpace(begins) + ", " + strings.TrimSpace(ends))
	}
	return before + begins + anew + ends + after, nil
}
