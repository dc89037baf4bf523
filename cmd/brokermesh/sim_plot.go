package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-analyze/charts"

	"github.com/brokermesh/brokermesh/node/forecast"
)

// Of a plot, in pixels.
const (
	plotWidth  = 900
	plotHeight = 720
)

// writeSimPlot writes an SVG: above how the waits went over time, below how many
// tasks waited for how long.
func writeSimPlot(out io.Writer, c forecast.Config, results []forecast.Result) error {
	page := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: plotWidth, Height: plotHeight})
	page.FilledRect(0, 0, plotWidth, plotHeight, charts.ColorWhite, charts.ColorWhite, 0)
	parts, err := page.LayoutByRows().Columns("over time").Row().Columns("distribution").Build()
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	axis := newWaitAxis(results)
	if err := parts["over time"].LineChart(overTime(c, results, axis)); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	if err := parts["distribution"].LineChart(distribution(results, axis)); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	svg, err := page.Bytes()
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	_, err = out.Write(svg)
	return err
}

// overTime is the wait that one task in a hundred of each slice of time exceeds.
func overTime(c forecast.Config, results []forecast.Result, axis waitAxis) charts.LineChartOption {
	var lines [][]float64
	for _, r := range results {
		var line []float64
		for _, s := range r.Over {
			if s.Wait.Count() == 0 {
				line = append(line, charts.GetNullValue())
			} else {
				line = append(line, axis.at(s.Wait.Quantile(0.99)))
			}
		}
		lines = append(lines, line)
	}
	title := "p99 wait over time"
	for _, j := range c.Joins {
		title += fmt.Sprintf("; DC%d joins at %v", j.Node, j.At)
	}
	for _, k := range c.Kills {
		title += fmt.Sprintf("; DC%d dies at %v", k.Node, k.At)
	}
	o := plotOf(title, results, lines)
	over := results[0].Over
	unit := time.Microsecond // of the labels: about a hundredth of the whole
	for unit < over[len(over)-1].From/100 {
		unit *= 10
	}
	var labels []string
	for _, s := range over {
		labels = append(labels, s.From.Round(unit).String())
	}
	o.XAxis.Labels, o.XAxis.LabelCount = labels, 10
	o.YAxis = []charts.YAxisOption{axis.plot()}
	return o
}

// distribution is the part of the tasks that wait for longer than a time.
func distribution(results []forecast.Result, axis waitAxis) charts.LineChartOption {
	const least = -5 // power of ten of the part
	var lines [][]float64
	for _, r := range results {
		var line []float64
		for _, at := range axis.points() {
			part := least + 0.0
			if above := r.Wait.Above(time.Duration(math.Pow(10, at))); above > 0 {
				part = max(part, math.Log10(above))
			}
			line = append(line, part)
		}
		lines = append(lines, line)
	}
	o := plotOf("part of the tasks that wait for longer", results, lines)
	var labels []string
	for _, at := range axis.points() {
		labels = append(labels, axis.label(at))
	}
	o.XAxis.Labels, o.XAxis.LabelCount = labels, axis.decades() // and one
	o.YAxis = []charts.YAxisOption{{
		Min: charts.Ptr(float64(least)), Max: charts.Ptr(0.0), LabelCount: 1 - least, RangeValuePaddingScale: charts.Ptr(0.0),
		ValueFormatter: func(v float64) string {
			return strconv.FormatFloat(100*math.Pow10(int(math.Round(v))), 'g', -1, 64) + " %"
		},
	}}
	return o
}

// plotTheme has colours that most eyes can tell apart (Okabe and Ito).
var plotTheme = charts.GetTheme(charts.ThemeLight).WithSeriesColors([]charts.Color{
	charts.ColorFromHex("#0072b2"), charts.ColorFromHex("#d55e00"), charts.ColorFromHex("#009e73"),
	charts.ColorFromHex("#cc79a7"), charts.ColorFromHex("#e69f00"), charts.ColorFromHex("#56b4e9"),
})

func plotOf(title string, results []forecast.Result, lines [][]float64) charts.LineChartOption {
	o := charts.NewLineChartOptionWithData(lines)
	o.Theme = plotTheme
	o.Title = charts.TitleOption{Text: title, FontStyle: charts.FontStyle{FontSize: 12}}
	for _, r := range results {
		o.Legend.SeriesNames = append(o.Legend.SeriesNames, r.Policy)
	}
	o.Legend.Offset = charts.OffsetRight
	o.Symbol.Shape = charts.SymbolNone
	o.LineStrokeWidth = 2
	o.Padding = charts.NewBoxEqual(15)
	return o
}

// waitAxis is a logarithmic axis for waits, in powers of ten of a nanosecond.
// Its least value stands for all that is below, 0 among it.
type waitAxis struct{ least, most float64 }

func newWaitAxis(results []forecast.Result) waitAxis {
	longest := time.Millisecond
	for _, r := range results {
		longest = max(longest, r.Wait.Quantile(1))
		for _, s := range r.Over {
			longest = max(longest, s.Wait.Quantile(0.99))
		}
	}
	return waitAxis{least: 4, most: math.Ceil(math.Log10(float64(longest)))} // from 10µs
}

func (a waitAxis) at(d time.Duration) float64 {
	return max(a.least, math.Log10(max(1, float64(d))))
}

func (a waitAxis) decades() int { return int(a.most - a.least) }

// points returns enough of the axis for a line, with each decade among them.
func (a waitAxis) points() []float64 {
	const perDecade = 40
	points := make([]float64, a.decades()*perDecade+1)
	for i := range points {
		points[i] = a.least + float64(i)/perDecade
	}
	return points
}

// label names the power of ten that is next to a value.
func (a waitAxis) label(at float64) string {
	at = math.Round(at)
	label := time.Duration(math.Pow10(int(at))).String()
	if at <= a.least {
		return "≤" + label
	}
	return label
}

func (a waitAxis) plot() charts.YAxisOption {
	return charts.YAxisOption{
		Min: &a.least, Max: &a.most, LabelCount: a.decades() + 1, RangeValuePaddingScale: charts.Ptr(0.0),
		ValueFormatter: a.label,
	}
}
