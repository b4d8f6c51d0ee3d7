package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	reports "vodcurator/shared/report/removal"
	"vodcurator/shared/video"
)

func whatIfCommand(a *tool) *cobra.Command {
	var w whatIf
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "what-if --library FILE",
		Short:       "Plan on a snapshot, without an account: for a date, with another policy, night by night",
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if w.library == "" || w.nights < 1 {
				return fmt.Errorf("%w: --library %q, --nights %d: name a snapshot, and one night or more", errUsage, w.library, w.nights)
			}
			if w.nights > insight.MostNights {
				return fmt.Errorf("%w: --nights %d: at most %d, which are ten years", errUsage, w.nights, insight.MostNights)
			}
			return a.whatIf(cmd.Context(), w)
		},
	}
	cmd.Flags().StringVar(&w.library, "library", "", "a file of vodctl snapshot")
	cmd.Flags().StringVar(&w.at, "at", "", "the date to plan for, as 2026-12-31 (default today)")
	cmd.Flags().StringVar(&w.policy, "policy", "", "a policy file (default: POLICY_FILE, else the built-in one)")
	cmd.Flags().StringVar(&w.diff, "diff", "", "another policy file: show what it takes more and less")
	cmd.Flags().StringVar(&w.holds, "holds", "", "the policy's hold list as a file (default: from STATE)")
	cmd.Flags().StringVar(&w.usage, "usage", "", "the policy's usage file (default: from STATE)")
	cmd.Flags().IntVar(&w.nights, "nights", 1, "so many nights; what a plan lists is gone, or moved, in the next")
	cmd.Flags().StringVar(&w.picture, "svg", "", "draw stored bytes and their cost over the nights into this file")
	return cmd
}

type whatIf struct {
	library, at, policy, diff, holds, usage, picture string
	nights                                           int
}

func (a *tool) whatIf(ctx context.Context, w whatIf) error {
	at, err := a.today(ctx)
	if err != nil {
		return err
	}
	if w.at != "" {
		if at, err = time.Parse(time.DateOnly, w.at); err != nil {
			return fmt.Errorf("%w: --at %q is no date like 2026-12-31", errUsage, w.at)
		}
	}
	library, err := a.openSnapshot(ctx, w.library)
	if err != nil {
		return err
	}
	warn := a.warningOnce() // both policies may have the same to say
	simulate := func(policyFile string) ([]insight.Night, []retention.Item, error) {
		policy, err := a.policyOf(ctx, policyFile)
		if err != nil {
			return nil, nil, err
		}
		return insight.WhatIf(ctx, insight.Simulation{
			Library: library, Policy: policy, From: at, Nights: w.nights, Inputs: a.inputsOf(w, policy),
			Scope: video.Scope{Region: cmp.Or(a.env("ALIBABA_CLOUD_REGION"), "cn-shanghai"), Account: w.library},
		}, insight.Options{Progress: a.overNights(at, w.nights), Warn: warn})
	}
	nights, items, err := simulate(w.policy)
	if err != nil {
		return err
	}
	if w.diff != "" {
		_, others, err := simulate(w.diff)
		if err != nil {
			return err
		}
		return a.difference(insight.Difference(items, others))
	}
	if w.picture != "" {
		if err := drawInto(w.picture, nights); err != nil {
			return err
		}
	}
	if len(nights) == 1 && a.format == report.AsTable {
		for _, p := range nights[0].Plans {
			if err := reports.Plan(a.out, p); err != nil {
				return err
			}
		}
		return nil
	}
	return a.nightRows(nights)
}

// warningOnce is a.warn that says nothing twice.
func (a *tool) warningOnce() func(format string, args ...any) {
	said := map[string]bool{}
	return func(format string, args ...any) {
		if text := report.Sayf(format, args...); !said[text] {
			said[text] = true
			_ = a.warn("%s", text)
		}
	}
}

// drawInto writes the picture of the nights, once all of it is there.
func drawInto(name string, nights []insight.Night) error {
	var picture bytes.Buffer
	if err := insight.DrawNights(&picture, nights); err != nil {
		return err
	}
	return os.WriteFile(name, picture.Bytes(), 0o644)
}

// today is the time of the library, where there is one; what-if needs no account.
func (a *tool) today(ctx context.Context) (time.Time, error) {
	if a.env("LOCAL_CLOCK_URL") == "" {
		return time.Now().UTC(), nil
	}
	app, err := a.wire()
	if err != nil {
		return time.Time{}, err
	}
	return now(ctx, app)
}

// policyOf reads a policy file of this machine; without one it is the configured policy.
func (a *tool) policyOf(ctx context.Context, name string) (*retention.Policy, error) {
	if name != "" {
		text, err := readFile(name)
		if err != nil {
			return nil, err
		}
		return retention.Parse(name, text)
	}
	app, err := a.look()
	if err != nil {
		return nil, err
	}
	return night.Policy(ctx, app)
}

// inputsOf reads the hold list and the usage file of a policy: from the files that were named,
// else from STATE.
func (a *tool) inputsOf(w whatIf, policy *retention.Policy) func(ctx context.Context, key string) ([]byte, error) {
	files := map[string]string{policy.HoldList: w.holds, policy.Usage: w.usage}
	return func(ctx context.Context, key string) ([]byte, error) {
		if files[key] != "" {
			return readFile(files[key])
		}
		app, err := a.boot("STATE")
		if err != nil {
			return nil, err
		}
		return app.State.Read(ctx, key)
	}
}

// overNights is progress that knows how many nights there are.
func (a *tool) overNights(from time.Time, nights int) func(of string) (func(int), func()) {
	return func(of string) (func(int), func()) {
		bar := a.progress(of)
		bar.until = from.AddDate(0, 0, nights)
		return func(n int) { bar.tell(n, from, from.AddDate(0, 0, n)) }, bar.end
	}
}

func (a *tool) difference(all []insight.Differing) error {
	rows := a.rows("", "asset", "takes", ">bytes", "rule", "reason")
	rows.None = "Both policies take the same."
	for _, d := range all {
		rows.Add(d, d.Sign, d.ID, strings.TrimSpace(string(d.Kind)+" "+d.Part+" "+d.To), report.Size(d.Bytes), d.Rule, d.Reason)
	}
	return rows.Print()
}

// nightRows prints a line for each night.
func (a *tool) nightRows(nights []insight.Night) error {
	heads := []string{"night", ">library", ">items", ">assets", ">bytes", ">pending", "over its guards"}
	moving, priced := len(nights[0].Plans) > 1, len(nights[0].Prices.PerGB) > 0
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
		line := n.Line()
		rows.Add(line, nightCells(n, line, moving, priced)...)
	}
	if err := rows.Print(); err != nil {
		return err
	}
	if last := nights[len(nights)-1]; last.Unknown > 0 && (moving || priced) {
		return a.warn("%s of unknown size or storage class, which the bytes leave out", report.Count(last.Unknown, "asset"))
	}
	return nil
}

// nightCells is a night as cells.
func nightCells(n insight.Night, line insight.NightLine, moving, priced bool) []any {
	p := n.Plans[0]
	over := p.Over
	cells := []any{report.Day(p.Created), p.Library.Media, p.Items, p.Media, report.Size(p.Bytes), p.PendingItems}
	var moved []any
	if m := line.Moves; m != nil {
		over = append(over[:len(over):len(over)], m.Over...)
		moved = []any{m.Items, report.Size(m.Bytes)}
	}
	cells = append(append(cells, strings.Join(over, "; ")), moved...)
	if moving || priced {
		for _, class := range video.StorageClasses {
			cells = append(cells, report.Size(n.Stored[class]))
		}
	}
	if priced {
		month := any("no price")
		if line.Month != nil {
			month = fmt.Sprintf("%.2f", *line.Month)
		}
		money := []any{"no price", "no price", "", ""}
		if sums := n.Money(); sums.Unpriced == 0 {
			money = reports.MoneyCells(&sums, n.Prices.Currency)
		}
		cells = append(append(cells, month), money...)
	}
	return cells
}
