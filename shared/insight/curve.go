package insight

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-analyze/charts"

	"vodcurator/shared/video"
)

// DrawNights draws the stored bytes by class and, where every class has a price, what they
// cost in a month, as SVG.
func DrawNights(w io.Writer, nights []Night) error {
	var days []string
	bytes := make([][]float64, len(video.StorageClasses))
	var month []float64
	for _, n := range nights {
		days = append(days, n.Plans[0].Created.Format(time.DateOnly))
		for i, class := range video.StorageClasses {
			bytes[i] = append(bytes[i], float64(n.Stored[class])/1e9)
		}
		if sum, ok := n.Prices.Month(n.Stored); ok && len(n.Prices.PerGB) > 0 {
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
		names, series = append(names, strings.TrimSpace("cost of a month, "+nights[0].Prices.Currency)), append(series, month)
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
	_, err = w.Write(picture)
	return err
}
