package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/report"
)

// inRows marks a command whose result is rows: it takes -o csv. The others have one thing
// to say, which is no table.
var inRows = map[string]string{"rows": ""}

// checkFormat refuses a format before the command does anything.
func (a *tool) checkFormat(cmd *cobra.Command) error {
	_, rows := cmd.Annotations["rows"]
	switch a.format {
	case report.AsTable, report.AsJSON:
		return nil
	case report.AsCSV:
		if rows {
			return nil
		}
		return fmt.Errorf("%w: the result of %q has no rows for -o csv: take -o table or -o json", errUsage, cmd.CommandPath())
	}
	return fmt.Errorf("%w: -o is table, json or csv, not %q", errUsage, a.format)
}

// json says that the result is wanted as JSON.
func (a *tool) json() bool { return a.format == report.AsJSON }

// rows starts a result of rows; its Print writes them in the format that was asked for.
func (a *tool) rows(columns ...string) *report.Rows {
	rows := report.NewRows(a.out, a.format, columns...)
	rows.Zone = a.zone
	return rows
}

// when is a time as people read it; empty where there is none.
func (a *tool) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(a.zone).Format(report.Moment)
}

// present writes a result that is no rows: the value for programs, what text writes for people.
func (a *tool) present(v any, text func() error) error {
	if a.json() {
		return a.printJSON(v)
	}
	return text()
}

// result is present of one sentence.
func (a *tool) result(v any, format string, args ...any) error {
	return a.present(v, func() error { return a.say(format, args...) })
}

// say writes a piece of text for people, and nothing where a program reads; texts from
// outside among the arguments are shown on one line, see report.Say.
func (a *tool) say(format string, args ...any) error {
	if a.format != report.AsTable {
		return nil
	}
	return report.Say(a.out, format, args...)
}

// warn says something beside the result, to whoever looks at standard error.
func (a *tool) warn(format string, args ...any) error {
	return report.Say(a.err, "vodctl: "+format+"\n", args...)
}

// beside says something below a result for people, and beside one for programs.
func (a *tool) beside(format string, args ...any) error {
	if a.format != report.AsTable {
		return a.warn(format, args...)
	}
	return a.say(format+"\n", args...)
}

// printJSON writes a result for programs.
func (a *tool) printJSON(v any) error { return report.JSON(a.out, v, "  ") }

// listedOnly says that --yes was missing: below a result for people, and beside one
// for programs.
func (a *tool) listedOnly() error {
	return a.beside("nothing was done, --yes does it")
}
