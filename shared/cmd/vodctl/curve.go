package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-analyze/charts"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	reports "vodcurator/shared/report/removal"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// simulated is one night of what-if: its plans, and what is stored after them.
type simulated struct {
	plans  []removal.Plan // what leaves, and what moves
	prices retention.Prices

	stored  map[string]int64 // bytes by storage class
	unknown int              // assets whose size or class is not told
}

func (n *simulated) count(media []video.Media) {
	n.stored = map[string]int64{}
	for _, m := range media {
		if !retention.Stored(m, n.stored) {
			n.unknown++
		}
	}
}

func (n *simulated) print(w io.Writer) error {
	for _, p := range n.plans {
		if err := reports.Plan(w, p); err != nil {
			return err
		}
	}
	return nil
}

// money is what all plans of the night save and cost, but those over their guards, which do nothing.
func (n *simulated) money() (sum retention.Money) {
	for _, p := range n.plans {
		if p.Saving != nil && len(p.Over) == 0 {
			sum.Add(p.Saving.Money)
		}
	}
	return sum
}

// nightLine is a night as JSON has it: the fields of its removal plan, as ever, and what is
// stored behind it.
type nightLine struct {
	removal.Plan
	Moves  *removal.Plan    `json:"moves,omitempty"`
	Stored map[string]int64 `json:"stored,omitempty"`
	Month  *float64         `json:"month,omitempty"` // what that costs in a month; nil: no price
}

// nightRows prints a line for each night.
func (a *tool) nightRows(nights []simulated) error {
	heads := []string{"night", ">library", ">items", ">assets", ">bytes", ">pending", "over its guards"}
	moving, priced := len(nights[0].plans) > 1, len(nights[0].prices.PerGB) > 0
	if moving {
		heads = append(heads, ">moved", ">bytes moved")
	}
	if moving || priced {
		for _, class := range video.StorageClasses {
			heads = append(heads, ">"+class)
		}
	}
	if priced {
		heads = append(heads, ">a month", ">saved a month", ">once", ">paid back in days", "currency")
	}
	rows := a.rows(heads...)
	for _, n := range nights {
		line, cells := n.row(moving, priced)
		rows.Add(line, cells...)
	}
	if err := rows.Print(); err != nil {
		return err
	}
	if last := nights[len(nights)-1]; last.unknown > 0 && (moving || priced) {
		return a.warn("%s of unknown size or storage class, which the bytes leave out", report.Count(last.unknown, "asset"))
	}
	return nil
}

// row is a night as a line of JSON and as cells.
func (n *simulated) row(moving, priced bool) (nightLine, []any) {
	p := n.plans[0]
	line := nightLine{Plan: p, Stored: n.stored}
	over := p.Over
	cells := []any{report.Day(p.Created), p.Library.Media, p.Items, p.Media, report.Size(p.Bytes), p.PendingItems}
	var moved []any
	if moving {
		m := n.plans[1]
		line.Moves = &m
		over = append(over[:len(over):len(over)], m.Over...)
		moved = []any{m.Items, report.Size(m.Bytes)}
	}
	cells = append(append(cells, strings.Join(over, "; ")), moved...)
	if moving || priced {
		for _, class := range video.StorageClasses {
			cells = append(cells, report.Size(n.stored[class]))
		}
	}
	if priced {
		month := any("no price")
		if sum, ok := n.prices.Month(n.stored); ok {
			month, line.Month = fmt.Sprintf("%.2f", sum), &sum
		}
		money := []any{"no price", "no price", "", ""}
		if sums := n.money(); sums.Unpriced == 0 {
			money = reports.MoneyCells(&sums, n.prices.Currency)
		}
		cells = append(append(cells, month), money...)
	}
	return line, cells
}

// drawNights draws the stored bytes by class and, where every class has a price, what they
// cost in a month.
func drawNights(name string, nights []simulated) (err error) {
	var days []string
	bytes := make([][]float64, len(video.StorageClasses))
	var month []float64
	for _, n := range nights {
		days = append(days, n.plans[0].Created.Format(time.DateOnly))
		for i, class := range video.StorageClasses {
			bytes[i] = append(bytes[i], float64(n.stored[class])/1e9)
		}
		if sum, ok := n.prices.Month(n.stored); ok && len(n.prices.PerGB) > 0 {
			month = append(month, sum)
		}
	}
	names, series := []string{}, [][]float64{}
	for i, class := range video.StorageClasses {
		if slices.ContainsFunc(bytes[i], func(gb float64) bool { return gb > 0 }) {
			names, series = append(names, class+", GB"), append(series, bytes[i])
		}
	}
	if len(series) == 0 {
		return errors.New("nothing to draw: no asset tells its size and its storage class")
	}
	title, priced := "Stored after each night", len(month) == len(nights)
	if priced {
		title += ", and what a month of it costs"
		names, series = append(names, strings.TrimSpace("cost of a month, "+nights[0].prices.Currency)), append(series, month)
	}
	option := charts.NewLineChartOptionWithData(series)
	if priced {
		option.SeriesList[len(series)-1].YAxisIndex = 1
		option.YAxis = append(option.YAxis, charts.YAxisOption{})
	}
	option.Title.Text, option.Legend.SeriesNames, option.XAxis.Labels = title, names, days
	option.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 900, Height: 420})
	option.Padding = charts.NewBoxEqual(20)
	if err := painter.LineChart(option); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	picture, err := painter.Bytes()
	if err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return os.WriteFile(name, picture, 0o644)
}
