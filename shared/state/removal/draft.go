package removal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Draft is a record of progress while a library is being read for a plan: what
// was counted so far, where to go on, and the lines written since the record
// before.
type Draft struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`            // the moment that is planned for
	Tick    time.Time `json:"tick,omitzero"` // of the run that wrote this
	video.Scope
	Policy string    `json:"policy"`
	Number int       `json:"number"`
	Next   time.Time `json:"next,omitzero"` // creation time from which to go on
	Done   bool      `json:"done,omitempty"`

	Tally  retention.Tally       `json:"tally"`
	Unread int                   `json:"unread,omitempty"`
	Kept   map[retention.Why]int `json:"kept,omitempty"`
	Near   []retention.Keep      `json:"near,omitempty"`
	Odd    []string              `json:"odd,omitempty"`  // the first media that are set aside, see NoteOdd
	Odds   int                   `json:"odds,omitempty"` // how many those are in all
	Parts  []Chunk               `json:"parts,omitempty"`

	Earlier []Chunk `json:"-"` // of this record and all before it
}

// shown is how many reasons to keep a plan shows: the ones that come due first,
// and as many of the others.
const shown = 10

// Count counts a reason to keep, and remembers it while it is among the nearest.
func (d *Draft) Count(k retention.Keep) {
	if d.Kept == nil {
		d.Kept = map[retention.Why]int{}
	}
	d.Kept[k.Why]++
	d.Near = append(d.Near, k)
	slices.SortStableFunc(d.Near, func(a, b retention.Keep) int {
		if a.Due.IsZero() != b.Due.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.Due.IsZero()]
		}
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Part, b.Part), cmp.Compare(a.Rule, b.Rule))
	})
	timed := slices.IndexFunc(d.Near, func(k retention.Keep) bool { return k.Due.IsZero() })
	if timed < 0 {
		timed = len(d.Near)
	}
	if len(d.Near)-timed > shown {
		d.Near = d.Near[:timed+shown]
	}
	if timed > shown {
		d.Near = slices.Delete(d.Near, shown, timed)
	}
}

// shownOdd is how many media that are set aside a plan names.
const shownOdd = 20

// NoteOdd counts a media that cannot be judged, and remembers the first ones.
func (d *Draft) NoteOdd(id video.ID, fault error) {
	if d.Odds++; d.Odds <= shownOdd {
		text := fault.Error()
		if !strings.Contains(text, string(id)) {
			text = fmt.Sprintf("media %s: %s", id, text)
		}
		d.Odd = append(slices.Clip(d.Odd), text)
	}
}

// OddText names the media that cannot be judged, and how many more there are.
func (d *Draft) OddText() []string {
	if d.Odds <= len(d.Odd) {
		return d.Odd
	}
	return append(slices.Clip(d.Odd), fmt.Sprintf("and %d more assets", d.Odds-len(d.Odd)))
}

func (d Draft) prefix() string { return "drafts/" + state.Stamp(d.At) + "-" + d.key() + "/" }

// key tells apart drafts of one moment that are of different accounts or policies.
func (d Draft) key() string {
	return state.Digest([]byte(strings.Join([]string{d.Region, d.Account, d.App, d.Policy}, "\n")))[:8]
}

// WriteDraft writes the next record. ErrExists says that another run is planning
// the same.
func WriteDraft(ctx context.Context, o state.Objects, d Draft) error {
	d.Version = state.RecordVersion
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	key := state.Numbered(d.prefix(), d.Number, ".json")
	err = o.Create(ctx, key, text)
	if errors.Is(err, state.ErrExists) {
		// Our own, written by a run that ended before it could know.
		if there, readErr := o.Read(ctx, key); readErr == nil && string(there) == string(text) {
			return nil
		}
	}
	return err
}

// LastDraft finds the latest record for the same account and policy that was
// begun after a time, and for no moment more than ten minutes after that of like, where
// like has one. None is the zero Draft.
func LastDraft(ctx context.Context, o state.Objects, like Draft, after time.Time) (Draft, error) {
	newest := ""
	for key, err := range state.Named(ctx, o, state.DraftPrefix, state.DraftPrefix+state.Stamp(after)) {
		if err != nil {
			return Draft{}, err
		}
		if !like.At.IsZero() && key > state.DraftPrefix+state.Stamp(like.At.Add(future))+"~" {
			break
		}
		if dir, _, _ := strings.Cut(strings.TrimPrefix(key, "drafts/"), "/"); strings.HasSuffix(dir, "-"+like.key()) {
			newest = dir
		}
	}
	if newest == "" {
		return Draft{}, nil
	}
	var d Draft
	var parts []Chunk
	for key, err := range state.Named(ctx, o, state.DraftPrefix+newest+"/", "") {
		d = Draft{}
		if err == nil {
			_, err = state.ReadRecord(ctx, o, key, &d)
		}
		if err != nil {
			return Draft{}, err
		}
		if d.Version != state.RecordVersion || d.key() != like.key() || state.Numbered(d.prefix(), d.Number, ".json") != key {
			return Draft{}, fmt.Errorf("%s: %w", key, state.ErrCorrupt)
		}
		parts = append(parts, d.Parts...)
	}
	d.Earlier = parts
	return d, nil
}
