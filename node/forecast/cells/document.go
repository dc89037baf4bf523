package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// document is what the answers come to: targets, then tables.
func document(answers []answer) string {
	var b strings.Builder
	all := answers[:len(answers)-len(deaths())]
	b.WriteString("\n### Targets\n\nThe numbers are those of the cells below.\n\n")
	for _, t := range targets() {
		b.WriteString(t.verdict(all))
	}
	at := 0
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n### %s\n\n", g.title)
		b.WriteString("| | cell | bound | default | worst of 3 | oracle | none | peering3 | queue-group | mean | away | given back | control | state |\n")
		b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
		for range g.cells {
			b.WriteString(row(all[at]))
			at++
		}
	}
	b.WriteString("\n### A node dies\n\n")
	b.WriteString("| | cell | policy | delayed | these: p50 | p99.9 | all, 5 s around: p99 | p99.9 | lost |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, a := range answers[len(all):] {
		for _, policy := range []string{forecast.Default, forecast.Peering3, forecast.QueueGroup} {
			b.WriteString(death(a, policy))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// row is one line of a table: waits in ms at the 99th percentile, with what they
// are of the bound.
func row(a answer) string {
	r, worst := a.first(forecast.Default), ""
	if _, ratio := a.worst(); len(a.of[forecast.Default]) > 1 {
		worst = digits(ratio)
	}
	policy := func(name string) string {
		p99 := a.first(name).WaitMS.P99
		return fmt.Sprintf("%s (%s)", digits(p99), digits(p99/a.bound(0)))
	}
	return fmt.Sprintf("| %d | %s | %s | **%s** | %s | %s | %s | %s | %s | %s | %s | %s | %.0f | %.0f |\n",
		a.number, a.name(), digits(a.bound(0)), policy(forecast.Default), worst, policy(forecast.Oracle), policy(forecast.None), policy(forecast.Peering3),
		policy(forecast.QueueGroup), digits(r.WaitMS.Mean), percent(r.Delegated), percent(r.NACK), r.ControlMsgs, r.StateMsgs)
}

func death(a answer, policy string) string {
	r := a.first(policy)
	var delayed, around forecast.Waits
	if r.DelayedWaitMS != nil {
		delayed = *r.DelayedWaitMS
	}
	if r.Around != nil {
		around = *r.Around
	}
	return fmt.Sprintf("| %d | %s | %s | %d | %s | %s | %s | %s | %d |\n", a.number, a.name(), policy, r.Delayed,
		digits(delayed.P50), digits(delayed.P999), digits(around.P99), digits(around.P999), r.Lost)
}

// name says what the cell is.
func (c cell) name() string {
	name := fmt.Sprintf("%d×%d %v d %s T %s load %s", c.Nodes, c.Workers, c.Service, digits(c.Delay.Seconds()*1000), digits(c.Interval.Seconds()*1000), digits(c.Load))
	if c.Hot > 0 {
		name += " hot " + digits(c.Hot)
	}
	if c.Hot > 0 && c.HotFraction != forecast.DefaultConfig().HotFraction {
		name += fmt.Sprintf(" (%s of them)", percent(c.HotFraction))
	}
	if c.Arrivals != forecast.Poisson {
		name += " " + string(c.Arrivals)
	}
	if c.Regions > 1 {
		name += fmt.Sprintf(" %d regions, %v", c.Regions, c.Far)
	}
	if c.Untold {
		name += ", untold"
	}
	for _, k := range c.Kills {
		name += fmt.Sprintf(", one dies at %v", k.At)
	}
	return name
}

// digits writes a number with three of them.
func digits(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
