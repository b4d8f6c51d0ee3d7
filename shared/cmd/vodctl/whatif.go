package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/state/removal"
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
			if w.nights > mostNights {
				return fmt.Errorf("%w: --nights %d: at most %d, which are ten years", errUsage, w.nights, mostNights)
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

// mostNights is how many nights one simulation takes.
const mostNights = 3660

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
	nights, items, err := a.simulate(ctx, w, w.policy, at)
	if err != nil {
		return err
	}
	if w.diff != "" {
		_, others, err := a.simulate(ctx, w, w.diff, at)
		if err != nil {
			return err
		}
		return a.difference(items, others)
	}
	if w.picture != "" {
		if err := drawNights(w.picture, nights); err != nil {
			return err
		}
	}
	if len(nights) == 1 && a.format == report.AsTable {
		return nights[0].print(a.out)
	}
	return a.nightRows(nights)
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

// aside is a simulated state with the hold list and the usage file of the real one,
// or of files on this machine.
type aside struct {
	state.Objects
	app   *tool
	files map[string]string // by key; empty: the object of that key under STATE
}

// Read implements state.Objects.
func (s aside) Read(ctx context.Context, key string) ([]byte, error) {
	name, ok := s.files[key]
	switch {
	case !ok:
		return s.Objects.Read(ctx, key)
	case name != "":
		return os.ReadFile(name)
	}
	app, err := s.app.boot("STATE")
	if err != nil {
		return nil, err
	}
	return app.State.Read(ctx, key)
}

// policyOf reads a policy file of this machine; without one it is the configured policy.
func (a *tool) policyOf(ctx context.Context, name string) (*retention.Policy, error) {
	if name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		return retention.Parse(name, text)
	}
	app, err := a.boot()
	if err != nil {
		return nil, err
	}
	return night.Policy(ctx, app)
}

// simulate plans night by night in a state of its own. What a plan lists is gone the
// next night, or in its class, unless the plan was over its guards.
func (a *tool) simulate(ctx context.Context, w whatIf, policyFile string, at time.Time) (nights []simulated, items []retention.Item, err error) {
	library, err := a.openSnapshot(ctx, w.library)
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(library.media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
	policy, err := a.policyOf(ctx, policyFile)
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "vodctl")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := state.Open(ctx, "file:"+dir, state.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	ledger, err := removal.OpenLedger(ctx, store, "what-if", state.NewRun())
	if err != nil {
		return nil, nil, err
	}
	outside := aside{store, a, map[string]string{policy.HoldList: w.holds, policy.Usage: w.usage}}
	scope := video.Scope{Region: cmp.Or(a.env("ALIBABA_CLOUD_REGION"), "cn-shanghai"), Account: w.library}
	bar := a.progress(" nights")
	bar.until = at.AddDate(0, 0, w.nights)
	defer bar.end()
	for n := range w.nights {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		night := simulated{prices: policy.Prices}
		for _, duty := range []*retention.Policy{policy, policy.Moves()} {
			if duty == nil {
				continue
			}
			library.number()
			r, err := plan.Job{Library: library, State: outside, Policy: duty, Scope: scope}.Run(ctx, at.AddDate(0, 0, n))
			if err != nil {
				return nil, nil, err
			}
			listed, err := library.apply(ctx, r.Plan, store, ledger)
			if err != nil {
				return nil, nil, err
			}
			night.plans, items = append(night.plans, r.Plan), append(items, listed...)
		}
		night.count(library.media)
		nights = append(nights, night)
		bar.tell(n+1, at, at.AddDate(0, 0, n+1))
	}
	return nights, items, nil
}

func (a *tool) difference(one, other []retention.Item) error {
	rows := a.rows("", "asset", "takes", ">bytes", "rule", "reason")
	rows.None = "Both policies take the same."
	type differing struct {
		Sign string `json:"sign"` // + the other policy takes it, - only the first does
		retention.Item
	}
	missing := func(sign string, from, in []retention.Item) {
		seen := map[retention.Item]bool{}
		bare := func(i retention.Item) retention.Item {
			return retention.Item{ID: i.ID, Kind: i.Kind, Part: i.Part, To: i.To}
		}
		for _, i := range in {
			seen[bare(i)] = true
		}
		for _, i := range from {
			if !seen[bare(i)] {
				seen[bare(i)] = true
				rows.Add(differing{sign, i}, sign, i.ID, strings.TrimSpace(string(i.Kind)+" "+i.Part+" "+i.To), report.Size(i.Bytes), i.Rule, i.Reason)
			}
		}
	}
	missing("+", other, one)
	missing("-", one, other)
	return rows.Print()
}
