package main

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// The plot, in pixels, and what its axes show: the share of tasks that wait longer
// than a time, both on logarithmic scales.
const (
	plotWidth, plotHeight = 760, 440
	plotLeft, plotRight   = 70, 210
	plotTop, plotBottom   = 40, 60
	shortestWait          = 100 * time.Microsecond
	longestWait           = 10 * time.Second
	leastShare            = 0.001
)

var plotColors = []string{"#d55e00", "#e69f00", "#0072b2", "#56b4e9", "#555555"}

func plotX(d time.Duration) float64 {
	part := math.Log(float64(max(d, shortestWait))/float64(shortestWait)) / math.Log(float64(longestWait)/float64(shortestWait))
	return plotLeft + part*(plotWidth-plotLeft-plotRight)
}

func plotY(share float64) float64 {
	part := math.Log(max(share, leastShare)) / math.Log(leastShare)
	return plotTop + part*(plotHeight-plotTop-plotBottom)
}

// plotWaits draws how many tasks wait longer than a time, as SVG.
func plotWaits(curves []curve, mean time.Duration) []byte {
	var b bytes.Buffer
	text := func(x, y float64, anchor, format string, args ...any) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, fmt.Sprintf(format, args...))
	}
	line := func(x1, y1, x2, y2 float64) {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", x1, y1, x2, y2)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	text(plotLeft, 20, "start", "Waiting for a worker: %d sites x %d workers, exp(%s) a task, load %.1f", sites, siteWorkers, mean, siteLoad)
	for d := shortestWait; d <= longestWait; d *= 10 {
		line(plotX(d), plotTop, plotX(d), plotHeight-plotBottom)
		text(plotX(d), plotHeight-plotBottom+18, "middle", "%s", d)
	}
	for share := 1.0; share >= leastShare/1.5; share /= 10 {
		line(plotLeft, plotY(share), plotWidth-plotRight, plotY(share))
		text(plotLeft-8, plotY(share)+4, "end", "%.3g %%", share*100)
	}
	text((plotLeft+plotWidth-plotRight)/2, plotHeight-18, "middle", "waits longer than")
	for i, c := range curves {
		color := plotColors[i%len(plotColors)]
		total, left := float64(c.wait.total()), float64(c.wait.total())
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, color)
		for at, n := range c.wait {
			left -= float64(n)
			if d := lower(at + 1); n > 0 && d >= shortestWait && d <= longestWait {
				fmt.Fprintf(&b, "%.1f,%.1f ", plotX(d), plotY(left/total))
			}
			if left/total < leastShare {
				break
			}
		}
		b.WriteString("\"/>\n")
		y := float64(plotTop + 20 + 22*i)
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="%s" stroke-width="2"/>`+"\n", plotWidth-plotRight+12, y-4, plotWidth-plotRight+32, y-4, color)
		text(plotWidth-plotRight+38, y, "start", "%s", c.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
