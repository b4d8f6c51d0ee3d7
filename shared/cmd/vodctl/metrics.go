package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/cmd/vodctl/doctor"
	"vodcurator/shared/report"
)

func metricsCommand(a *tool) *cobra.Command {
	var logs []string
	var file string
	cmd := &cobra.Command{
		Annotations: inRows, Use: "metrics", Args: cobra.NoArgs,
		Short: "Print numbers worth watching, in Prometheus's text form",
		Long: `Print numbers worth watching in Prometheus's text form: queues, streams, STATE and plans as
they are now, and with --log what the functions' log records say of the time that the log is
of. What cannot be asked is left out, named on standard error and in vodcurator_unasked; it is
never zero. vodctl help alarms says which of them need a person.` + metricsList(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.metrics(cmd.Context(), file, logs) },
	}
	cmd.Flags().StringArrayVar(&logs, "log", nil, "count the records in this log too, one JSON object a line; - for standard input")
	cmd.Flags().StringVar(&file, "manifest", "s.yaml", "the s.yaml that was deployed")
	return cmd
}

func (a *tool) metrics(ctx context.Context, file string, logs []string) error {
	var s doctor.Samples
	for _, name := range logs {
		text, err := a.read(name)
		if err != nil {
			return err
		}
		other, err := s.Read(bytes.NewReader(text))
		if err != nil {
			return err
		}
		if other > 0 {
			if err := a.warn("%s of %s are no record of the functions", report.Count(other, "line"), name); err != nil {
				return err
			}
		}
	}
	p := a.patient(file)
	defer p.Close()
	if p.Bad != nil {
		return p.Bad
	}
	for _, why := range p.Gather(ctx, &s) {
		if err := a.warn("not asked: %s", why); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.format == report.AsTable {
		return s.Write(a.out)
	}
	rows := a.rows("metric", "labels", "value")
	for _, one := range s.All() {
		rows.Add(one, one.Metric, strings.Join(one.Labels, " "), one.Value)
	}
	return rows.Print()
}

// metricsList has a paragraph for each number.
func metricsList() string {
	var b strings.Builder
	for _, m := range doctor.Metrics() {
		labels, from := "", "asked of the account"
		if len(m.Labels) > 0 {
			labels = "{" + strings.Join(m.Labels, ",") + "}"
		}
		switch {
		case m.Record == "*":
			from = "counted from --log"
		case m.Record != "":
			from = fmt.Sprintf("counted from --log: records %q, %s", m.Record, m.Field)
		}
		fmt.Fprintf(&b, "\n\nvodcurator_%s%s\n    %s\n    %s", m.Name, labels, m.Help, from)
	}
	return b.String()
}

// topicWidth is how wide the text of a page is, without what stands before it.
const topicWidth = 100

// alarmsTopic is what vodctl help alarms shows.
func alarmsTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("What raises an alarm, and what to do.\n\nfunctions/alarms.json has these as rules over the functions' log store, and charts for a dashboard.\nNOTIFY_URL hears of a night's incidents, an old queue and dead letters by itself.\n")
	for _, alarm := range doctor.Alarms() {
		fmt.Fprintf(&b, "\n%s (%s, looks back %d h)\n    %s.\n    %s", alarm.Name, alarm.Severity, alarm.Window, alarm.Title, wrapped(alarm.Do, topicWidth))
	}
	return &cobra.Command{Use: "alarms", Short: "What raises an alarm, and what to do", Long: strings.TrimSpace(b.String())}
}
