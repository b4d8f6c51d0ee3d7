package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/boot/night"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// bulk is one change of many assets: it is shown first, and goes through the library's one
// writer with --yes.
type bulk struct {
	yes, behind bool
	source      string // what a note says of changes that say nothing themselves
	goOn        string // the command that sends the rest; empty: the same one
	release     int    // so many assets may lose their protection; below 0: none was said
	changes     []video.Change
	faults      []error // of rows that are left out
}

func (b *bulk) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&b.yes, "yes", false, "change what the dry run lists")
	cmd.Flags().BoolVar(&b.behind, "bulk", false, "into METADATA_BULK_QUEUE, behind other people's changes")
	releaseFlag(cmd, &b.release)
}

func releaseFlag(cmd *cobra.Command, release *int) {
	cmd.Flags().IntVar(release, "release-holds", -1, "how many assets may lose what protects them: the number that the dry run names")
}

// bulkResult is what a bulk change comes to, for programs.
type bulkResult struct {
	IssuedAt    time.Time       `json:"issuedAt"`          // by which vodctl undo knows it again
	Moments     []time.Time     `json:"moments,omitempty"` // of what was sent: rows may have their own
	To          string          `json:"to,omitempty"`
	Sent        int             `json:"sent"`
	Failed      []video.Outcome `json:"failed"`
	LeftOut     []string        `json:"leftOut"`
	Unprotected []unprotected   `json:"unprotected"`
	Preview     []previewed     `json:"preview"`
}

// unprotected is an asset that would lose what protects it.
type unprotected struct {
	ID    video.ID `json:"id"`
	Loses string   `json:"loses"`
}

// carry shows a bulk change, and with --yes sends what would change something.
func (a *tool) carry(ctx context.Context, app *boot.App, b bulk) error {
	result := bulkResult{IssuedAt: time.Now().UTC().Truncate(time.Millisecond), Failed: []video.Outcome{}, LeftOut: []string{}, Unprotected: []unprotected{}}
	good, unknown, err := knownCategories(ctx, app, b.changes)
	if err != nil {
		return err
	}
	b.changes, b.faults = good, append(b.faults, unknown...)
	deliver.Stamp(b.changes, result.IssuedAt)
	if b.yes {
		sign(ctx, app, b.source, b.changes)
	}
	for _, fault := range b.faults {
		result.LeftOut = append(result.LeftOut, fault.Error())
		_ = a.warn("left out: %v", fault)
	}
	if result.Preview, err = a.preview(ctx, app, b.changes); err != nil {
		return err
	}
	if result.Unprotected, err = losing(ctx, app, result.Preview); err != nil {
		return err
	}
	if err := a.showBulk(result, b); err != nil {
		return err
	}
	if app.MetadataQueue == "" {
		_ = a.warn("METADATA_QUEUE is not set: with --yes this writes to VOD itself, beside the library's writer if one runs")
	}
	var sending error
	if b.yes {
		a.again = b.goOn
		sending = a.sendBulk(ctx, app, b, &result)
	}
	err = a.present(result, func() error { return nil })
	if err == nil && b.yes {
		err = a.beside("%d of %s sent to %s%s", result.Sent, report.Count(result.Sent+len(result.Failed), "change"), result.To, result.takenBack())
	}
	if err == nil && !b.yes {
		err = a.listedOnly()
	}
	if n := len(b.faults); n > 0 {
		err = errors.Join(err, fmt.Errorf("%s left out, with their faults above", report.Count(n, "row")))
	}
	return errors.Join(err, sending, refusals(result.Preview))
}

// showBulk shows what a bulk change would do, and refuses what would take protection away unsaid.
func (a *tool) showBulk(r bulkResult, b bulk) error {
	if !a.json() {
		if err := a.showPreview(r.Preview); err != nil {
			return err
		}
	}
	return a.mayRelease(b.yes, b.release, r.Unprotected)
}

// takenBack names the moments by which undo finds what was sent: rows may have their own.
func (r bulkResult) takenBack() string {
	var at []string
	for _, m := range r.Moments {
		at = append(at, "vodctl undo --issued-at "+m.UTC().Format(time.RFC3339Nano))
	}
	switch n := len(at); {
	case r.Sent == 0:
		return ""
	case n > 5:
		at = append(at[:5], fmt.Sprintf("so do %s more, those of the rows", report.Number(n-5)))
		fallthrough
	case n > 1:
		return "; " + strings.Join(at, ", ") + " take them back, each those of its moment"
	}
	return "; " + strings.Join(at, "") + " takes them back"
}

// momentsOf are the milliseconds in which changes are issued, in their order.
func momentsOf(changes []video.Change) (all []time.Time) {
	for _, c := range changes {
		if at := c.IssuedAt.UTC().Truncate(time.Millisecond); !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all
}

// refusals says that some assets cannot be changed as it was asked for.
func refusals(all []previewed) error {
	n := 0
	for _, p := range all {
		if p.Result != video.Done && p.Result != video.Unchanged || p.Result == video.Done && p.Reason != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s cannot be changed, or only in part: the reasons stand in the list", report.Count(n, "asset"))
}

// sendBulk hands the changes that change something to the library's writer.
func (a *tool) sendBulk(ctx context.Context, app *boot.App, b bulk, r *bulkResult) error {
	var changes []video.Change
	for _, p := range r.Preview {
		if p.Result == video.Done {
			changes = append(changes, p.changes...)
		}
	}
	if len(changes) == 0 {
		r.To = "nobody"
		return nil
	}
	r.Moments = momentsOf(changes)
	var outcomes []video.Outcome
	var err error
	switch {
	case app.MetadataQueue != "" && b.behind:
		r.To = app.BulkQueue
		outcomes, err = a.telling(app.Sender().SendBulk)(ctx, changes)
	default:
		if r.To = app.MetadataQueue; r.To == "" {
			r.To = "VOD"
		}
		outcomes, err = a.throughWriter(ctx, app, changes)
	}
	if len(outcomes) != len(changes) {
		return err
	}
	for _, o := range outcomes {
		if o.Result == video.Done || o.Result == video.Unchanged {
			r.Sent++
		} else {
			r.Failed = append(r.Failed, o)
		}
	}
	if n := len(r.Failed); n > 0 {
		err = errors.Join(fmt.Errorf("%s not sent, the first: %s: %s; %s sends the rest", report.Count(n, "change"), r.Failed[0].ID, r.Failed[0].Reason, cmp.Or(b.goOn, "the same command")), err)
	}
	return err
}

// throughWriter is carryOut, with the state where this process is the writer: without it
// nothing could be taken back.
func (a *tool) throughWriter(ctx context.Context, app *boot.App, changes []video.Change) ([]video.Outcome, error) {
	if app.MetadataQueue != "" {
		return a.carryOut(ctx, app, nil, changes)
	}
	if app.State == nil {
		return nil, errors.New("neither METADATA_QUEUE nor STATE is set: nobody would remember what the fields held")
	}
	store, err := app.State.Open(ctx)
	if err != nil {
		return nil, err
	}
	return a.carryOut(ctx, app, store, changes)
}

// mayLose refuses changes that take away what protects an asset, unless their number was said.
// It reads the assets that could lose something, and no other.
func (a *tool) mayLose(ctx context.Context, app *boot.App, changes []video.Change, yes bool, release int) error {
	of := slices.DeleteFunc(slices.Clone(changes), func(c video.Change) bool {
		return c.Tags.Set == nil && len(c.Tags.Remove) == 0 && c.Set.Category == nil
	})
	all, err := a.preview(ctx, app, of)
	if err != nil {
		return err
	}
	lost, err := losing(ctx, app, all)
	if err != nil {
		return err
	}
	return a.mayRelease(yes, release, lost)
}

// mayRelease refuses a change that takes protection away, unless their number was said.
func (a *tool) mayRelease(yes bool, release int, lost []unprotected) error {
	if len(lost) == 0 {
		return nil
	}
	for _, u := range lost[:min(len(lost), 5)] {
		_ = a.warn("%s would lose its protection: %s", u.ID, u.Loses)
	}
	n := report.Count(len(lost), "asset")
	switch {
	case !yes:
		return a.warn("%s would lose what protects them from removal or from rules: with --yes say --release-holds %d too", n, len(lost))
	case release != len(lost):
		said := "it was not given"
		if release >= 0 {
			said = fmt.Sprintf("it says %d", release)
		}
		return fmt.Errorf("%w: %s would lose what protects them from removal or from rules, nothing was changed: --release-holds %d lets that be; %s", errGuard, n, len(lost), said)
	}
	return nil
}

// losing are the assets that lose a word that protects them, or a category that does.
func losing(ctx context.Context, app *boot.App, all []previewed) ([]unprotected, error) {
	lost := []unprotected{}
	if !slices.ContainsFunc(all, func(p previewed) bool { return p.update.Tags != nil || p.update.Category != nil }) {
		return lost, nil
	}
	g, err := guard(ctx, app)
	if err != nil {
		return nil, err
	}
	if g.policy.HoldsCategories() {
		tree, err := app.VOD.Categories(ctx)
		if err != nil {
			return nil, err
		}
		g.inputs.Above = retention.Above(tree)
	}
	for _, p := range all {
		if why := g.loses(p); why != "" {
			lost = append(lost, unprotected{p.ID, why})
		}
	}
	return lost, nil
}

// guardian knows what protects: the policy's holds and the lock of the rules, in every form
// in which they count.
type guardian struct {
	policy *retention.Policy
	rules  *tagging.Rules
	inputs retention.Inputs
}

// guard reads the policy and the rules that are in force.
func guard(ctx context.Context, app *boot.App) (g guardian, err error) {
	if g.policy, err = night.Policy(ctx, app); err != nil {
		return g, err
	}
	if g.rules, err = configuredRules(ctx, "", app); err != nil {
		return g, err
	}
	g.inputs.Now, err = app.Clock(ctx)
	return g, err
}

// protects says why a tag protects by itself; empty: it does not.
func (g guardian) protects(tag string) string {
	if why := g.policy.HoldsTag(tag, g.inputs.Now); why != "" {
		return why
	}
	if g.rules.Locks(tag) {
		return fmt.Sprintf("tag %q keeps rules off", tag)
	}
	return ""
}

func (g guardian) loses(p previewed) string {
	var whys []string
	if p.update.Tags != nil {
		forms := map[string]bool{}
		for _, tag := range *p.update.Tags {
			for _, word := range rule.Protective(tag) {
				forms[word] = true
			}
		}
		for _, tag := range p.old.Tags {
			stays := !slices.ContainsFunc(rule.Protective(tag), func(word string) bool { return !forms[word] })
			if why := g.protects(tag); why != "" && !stays {
				whys = append(whys, why)
			}
		}
	}
	if p.update.Category != nil {
		in := func(category int64) string {
			return g.policy.Held(video.Media{Video: video.Video{Category: category}}, g.inputs)
		}
		if was := in(p.old.Category); was != "" && in(*p.update.Category) != was {
			whys = append(whys, was)
		}
	}
	return strings.Join(whys, "; ")
}
