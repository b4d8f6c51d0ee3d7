package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vodcurator/shared/act/plan"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

func snapshotCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "snapshot FILE",
		Short: "Write the library to a file, to plan and retag on it without an account; goes on where a broken one ended",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.snapshot(cmd.Context(), args[0]) },
	}
}

// snapshot appends one media a line, oldest first. A file that is there already is
// gone on with: its last line may be cut, and is read again.
func (a *app) snapshot(ctx context.Context, name string) (err error) {
	app, err := a.boot()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := readSnapshot(f)
	if err != nil {
		return err
	}
	if err := f.Truncate(have.size); err != nil {
		return err
	}
	if _, err := f.Seek(have.size, io.SeekStart); err != nil {
		return err
	}
	var from time.Time
	if n := len(have.media); n > 0 {
		from = have.media[n-1].Created
	}
	out, n := bufio.NewWriter(f), 0
	write := func(found []video.Video) error {
		ids := make([]video.ID, len(found))
		for i, v := range found {
			ids[i] = v.ID
		}
		answers, err := app.VOD.Media(ctx, ids)
		if err != nil {
			return err
		}
		for i, m := range answers {
			if m.Err != nil {
				_ = report.Say(a.err, "vodctl: %s left out: %v\n", m.ID, m.Err)
				continue
			}
			m.Value.Origin = cmp.Or(m.Value.Origin, found[i].Origin) // only a search tells; for tagging rules
			text, err := json.Marshal(m.Value)
			if err != nil {
				return err
			}
			n++
			if _, err := out.Write(append(text, '\n')); err != nil {
				return err
			}
		}
		return out.Flush()
	}
	var found []video.Video
	for v, err := range plan.OldestFirst(ctx, app.VOD, from) {
		if err != nil {
			return err
		}
		if have.at(v.ID) >= 0 {
			continue
		}
		if found = append(found, v); len(found) == video.MaxBatch {
			if err := write(found); err != nil {
				return err
			}
			found = nil
		}
	}
	if len(found) > 0 {
		if err := write(found); err != nil {
			return err
		}
	}
	tree, err := app.VOD.Categories(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"categories": tree})
	if err != nil {
		return err
	}
	if _, err = out.Write(append(text, '\n')); err == nil {
		err = out.Flush()
	}
	if err != nil {
		return err
	}
	err = a.say("%s media written, %s were there\n", report.Number(n), report.Number(len(have.media)))
	return err
}

// snapshotLine is a media, or the tree of categories; of several trees the last counts.
type snapshotLine struct {
	video.Media
	Tree *[]video.Category `json:"categories"`
}

// snapshot is a library in a file.
type snapshot struct {
	media []video.Media
	tree  *[]video.Category
	size  int64 // of the lines that are whole
	index map[video.ID]int
}

func (s *snapshot) at(id video.ID) int {
	if i, ok := s.index[id]; ok {
		return i
	}
	return -1
}

func openSnapshot(name string) (*snapshot, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s, err := readSnapshot(f)
	return s, errors.Join(err, f.Close())
}

func readSnapshot(r io.Reader) (*snapshot, error) {
	s := &snapshot{index: map[video.ID]int{}}
	in := bufio.NewReaderSize(r, 1<<20)
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no end was cut
		}
		if err != nil {
			return nil, err
		}
		var m snapshotLine
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff")) // some editors put that mark first
		}
		if err := json.Unmarshal(line, &m); err != nil || m.ID == "" && m.Tree == nil {
			return nil, fmt.Errorf("%w: line %d is not an asset", video.ErrInvalid, number)
		}
		s.size += int64(len(line))
		if m.Tree != nil {
			s.tree = m.Tree
			continue
		}
		s.index[m.ID] = len(s.media)
		s.media = append(s.media, m.Media)
	}
	return s, nil
}

// Search implements plan.Library and tag.Searcher. The file does not tell audio
// from video: a search for videos finds both.
func (s *snapshot) Search(_ context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return func(yield func(video.Found, error) bool) {
		if q.Kind == video.KindAudio {
			return
		}
		for _, m := range s.media {
			if selects(q, m.Video) && !yield(video.Found{Video: m.Video}, nil) {
				return
			}
		}
	}
}

func selects(q video.Query, v video.Video) bool {
	for _, tag := range q.Tags {
		if !slices.Contains(v.Tags, tag) {
			return false
		}
	}
	return !v.Created.Before(q.CreatedFrom) && (q.CreatedTo.IsZero() || v.Created.Before(q.CreatedTo)) &&
		(len(q.Statuses) == 0 || slices.Contains(q.Statuses, v.Status)) &&
		(q.Category == 0 || q.Category == v.Category) && strings.Contains(v.Title, q.Title)
}

// Categories implements plan.Library.
func (s *snapshot) Categories(context.Context) ([]video.Category, error) {
	if s.tree == nil {
		return nil, fmt.Errorf("%w: the snapshot has no categories; vodctl snapshot adds them", video.ErrNotFound)
	}
	return *s.tree, nil
}

// Image implements tag.Library; the file has no images.
func (s *snapshot) Image(context.Context, video.ID) (video.Image, error) {
	return video.Image{}, video.ErrNotFound
}

// Images implements tag.Library.
func (s *snapshot) Images(_ context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	answers := make([]video.Answer[video.Image], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Image]{ID: id, Err: video.ErrNotFound}
	}
	return answers, nil
}

// Media implements plan.Library and tag.Library.
func (s *snapshot) Media(_ context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	answers := make([]video.Answer[video.Media], len(ids))
	for i, id := range ids {
		answers[i] = video.Answer[video.Media]{ID: id, Err: video.ErrNotFound}
		if at := s.at(id); at >= 0 {
			answers[i].Value, answers[i].Err = s.media[at], nil
		}
	}
	return answers, nil
}

func whatIfCommand(a *app) *cobra.Command {
	var w whatIf
	cmd := &cobra.Command{
		Use:   "what-if --library FILE",
		Short: "Plan on a snapshot, without an account: for a date, with another policy, night by night",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if w.library == "" || w.nights < 1 {
				return fmt.Errorf("%w: name a snapshot with --library, and at least one night", errUsage)
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
	cmd.Flags().IntVar(&w.nights, "nights", 1, "so many nights; what a plan lists is gone in the next")
	return cmd
}

type whatIf struct {
	library, at, policy, diff, holds, usage string
	nights                                  int
}

func (a *app) whatIf(ctx context.Context, w whatIf) error {
	at := time.Now().UTC()
	if w.at != "" {
		var err error
		if at, err = time.Parse(time.DateOnly, w.at); err != nil {
			return fmt.Errorf("%w: --at %q is no date like 2026-12-31", errUsage, w.at)
		}
	}
	plans, items, err := a.simulate(ctx, w, w.policy, at)
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
	if a.json() {
		return a.printJSON(plans)
	}
	if len(plans) == 1 {
		return report.Plan(a.out, plans[0])
	}
	table := report.NewTable("night", ">library", ">items", ">media", ">bytes", ">leaving", "over its guards")
	for _, p := range plans {
		table.Row(p.Created.Format(time.DateOnly), report.Number(p.Library.Media), report.Number(p.Items), report.Number(p.Media),
			report.Bytes(p.Bytes), report.Number(p.PendingItems), strings.Join(p.Over, "; "))
	}
	return table.Write(a.out, "")
}

// aside is a simulated state with the hold list and the usage file of the real one,
// or of files on this machine.
type aside struct {
	state.Objects
	app   *app
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

// simulate plans night by night in a state of its own. What a plan lists is gone the
// next night, unless the plan was over its guards.
func (a *app) simulate(ctx context.Context, w whatIf, policyFile string, at time.Time) (plans []state.Plan, items []retention.Item, err error) {
	library, err := openSnapshot(w.library)
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(library.media, func(a, b video.Media) int { return a.Created.Compare(b.Created) })
	var policy *retention.Policy
	if policyFile == "" {
		app, err := a.boot()
		if err != nil {
			return nil, nil, err
		}
		policy, err = app.Policy(ctx)
		if err != nil {
			return nil, nil, err
		}
	} else if text, err := os.ReadFile(policyFile); err != nil {
		return nil, nil, err
	} else if policy, err = retention.Parse(policyFile, text); err != nil {
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
	ledger, err := state.OpenLedger(ctx, store, "what-if", state.NewRun())
	if err != nil {
		return nil, nil, err
	}
	outside := aside{store, a, map[string]string{policy.HoldList: w.holds, policy.Usage: w.usage}}
	for night := range w.nights {
		library.index = map[video.ID]int{}
		for i, m := range library.media {
			library.index[m.ID] = i
		}
		r, err := plan.Job{Library: library, State: outside, Policy: policy, Scope: video.Scope{Region: "snapshot", Account: w.library}}.Run(ctx, at.AddDate(0, 0, night))
		if err != nil {
			return nil, nil, err
		}
		plans = append(plans, r.Plan)
		gone := map[video.ID]bool{}
		for v, err := range r.Plan.Entries(ctx, store) {
			if err != nil {
				return nil, nil, err
			}
			items = append(items, v.Items...)
			if len(r.Plan.Over) > 0 {
				continue
			}
			images := library.remove(v)
			if err := ledger.Append(ctx, images...); err != nil {
				return nil, nil, err
			}
			gone[v.ID] = v.Items[0].Kind == retention.Whole
		}
		library.media = slices.DeleteFunc(library.media, func(m video.Media) bool { return gone[m.ID] })
	}
	return plans, items, nil
}

// remove takes the listed parts from a media. That images are gone is for the ledger
// to know.
func (s *snapshot) remove(v retention.Verdict) (images []state.Row) {
	m := &s.media[s.at(v.ID)]
	for _, i := range v.Items {
		switch i.Kind {
		case retention.Stream:
			m.Streams = slices.DeleteFunc(m.Streams, func(s video.Stream) bool { return s.Job == i.Part })
		case retention.Source:
			m.Source.Status = "Deleted"
		case retention.Images:
			images = append(images, state.Row{Event: state.Outcome, Item: i, Result: video.Done})
		}
	}
	return images
}

func (a *app) difference(one, other []retention.Item) error {
	table := report.NewTable("", "media", "takes", ">bytes", "rule", "reason")
	missing := func(sign string, from, in []retention.Item) {
		seen := map[retention.Item]bool{}
		bare := func(i retention.Item) retention.Item { return retention.Item{ID: i.ID, Kind: i.Kind, Part: i.Part} }
		for _, i := range in {
			seen[bare(i)] = true
		}
		for _, i := range from {
			if !seen[bare(i)] {
				seen[bare(i)] = true
				table.Row(sign, i.ID, strings.TrimSpace(string(i.Kind)+" "+i.Part), report.Bytes(i.Bytes), i.Rule, i.Reason)
			}
		}
	}
	missing("+", other, one)
	missing("-", one, other)
	if table.Len() == 0 {
		return a.say("Both policies take the same.\n")
	}
	return table.Write(a.out, "")
}
