package removal

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/state"
)

// How long things stay that nobody reads for good. Each is longer than its readers look
// back: a function that was held up for a day must find what it knew.
const (
	draftKept   = 4 * 24 * time.Hour  // planning goes on with progress of three days and a half
	planKept    = 61 * 24 * time.Hour // lines of plans; deletion marks are read from a plan of sixty days
	noticeKept  = 31 * 24 * time.Hour // announcements of deletions
	writtenKept = 500
	imagedKept  = 2 // the last, and one to fall back on
	shardsKept  = 2
)

// OldAside lists what was set aside until a time that is over.
func OldAside(ctx context.Context, o state.Objects, now time.Time) ([]string, error) {
	return state.OldDays(ctx, o, state.AsidePrefix, now.Add(-asideMost-48*time.Hour))
}

// OldGone lists announcements of deletions that are older than a month.
func OldGone(ctx context.Context, o state.Objects, now time.Time) ([]string, error) {
	return state.OldDays(ctx, o, state.DeletionPrefix, now.Add(-noticeKept))
}

// OldImages lists all but the last two of what was found of images.
func OldImages(ctx context.Context, o state.Objects, _ time.Time) ([]string, error) {
	return state.AllBut(ctx, o, state.ImagePrefix, imagedKept)
}

// OldWritten lists all but the last entries that tell in which order plans were written.
func OldWritten(ctx context.Context, o state.Objects, _ time.Time) ([]string, error) {
	return state.AllBut(ctx, o, state.WrittenPrefix, writtenKept)
}

// lineHolders is what is known of who needs which lines, so that a night reads only the plans and
// drafts that are new to it.
type lineHolders struct {
	Version int          `json:"version"`
	Whole   bool         `json:"whole"` // all plans of before its time were looked at
	Holders []lineHolder `json:"holders"`
}

// lineHolder is a plan or a draft, with its lines, and until when somebody may read them.
type lineHolder struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
	Lines []string  `json:"lines,omitempty"` // keys
}

func (s lineHolders) keys() map[string]bool {
	keys := map[string]bool{}
	for _, h := range s.Holders {
		keys[h.Key] = true
	}
	return keys
}

// OldLines are the lines that no plan and no draft needs any more, and the drafts that
// nobody goes on with. Whoever plans at the same moment may miss a chunk that it found
// there already; such a plan is refused as a whole.
type OldLines struct {
	Keys []string
	Late bool // there was no time to look at all of them: there is nothing to remove yet

	next    lineHolders
	number  int
	changed bool // something is to be recorded
}

// FindOldLines reads the plans and drafts that came since the last time, while there is
// time; without enough of it there is nothing to remove yet, and the next goes on.
func FindOldLines(ctx context.Context, o state.Objects, now time.Time, enough func() bool) (OldLines, error) {
	found := OldLines{}
	known, err := found.lastShard(ctx, o)
	if err != nil {
		return OldLines{}, err
	}
	have := known.keys()
	from := ""
	if known.Whole {
		from = state.PlanPrefix + state.Stamp(now.Add(-planKept))
	}
	whole := true
	for _, list := range []struct{ prefix, after string }{{state.PlanPrefix, from}, {state.DraftPrefix, ""}} {
		for key, err := range state.Named(ctx, o, list.prefix, list.after) {
			if err != nil {
				return OldLines{}, err
			}
			if have[key] {
				continue
			}
			if whole = whole && enough(); !whole {
				break
			}
			h, err := holderOf(ctx, o, key)
			if state.CorruptOrGone(err) { // it cannot be applied; restored, it is read then
				continue
			}
			if err != nil {
				return OldLines{}, err
			}
			known.Holders = append(known.Holders, h)
			found.changed = true
		}
	}
	found.changed = found.changed || whole && !known.Whole
	found.next = lineHolders{state.RecordVersion, whole || known.Whole, known.Holders}
	if found.Late = !whole; whole {
		found.split(now)
	}
	return found, nil
}

// split finds what nobody needs any more.
func (f *OldLines) split(now time.Time) {
	needed, old := map[string]bool{}, map[string]bool{}
	var stay []lineHolder
	for _, h := range f.next.Holders {
		into := old
		if now.Before(h.Until) {
			into = needed
			stay = append(stay, h)
		} else if strings.HasPrefix(h.Key, state.DraftPrefix) {
			f.Keys = append(f.Keys, h.Key)
		}
		for _, line := range h.Lines {
			into[line] = true
		}
	}
	f.changed = f.changed || len(stay) < len(f.next.Holders)
	f.next.Holders = stay
	for line := range old {
		if !needed[line] {
			f.Keys = append(f.Keys, line)
		}
	}
	slices.Sort(f.Keys)
	slices.Reverse(f.Keys) // lines before the drafts that name them
}

func holderOf(ctx context.Context, o state.Objects, key string) (lineHolder, error) {
	h := lineHolder{Key: key}
	var chunks []Chunk
	if id, ok := strings.CutPrefix(key, state.PlanPrefix); ok {
		p, err := ReadPlan(ctx, o, strings.TrimSuffix(id, ".json"))
		if err != nil {
			return h, err
		}
		if h.Until = p.Created.Add(planKept); p.Expires.After(h.Until) {
			h.Until = p.Expires
		}
		chunks = slices.Concat(p.Chunks, p.Pending, p.Survivors)
	} else {
		var d Draft
		if _, err := state.ReadRecord(ctx, o, key, &d); err != nil {
			return h, err
		}
		h.Until, chunks = d.At.Add(draftKept), d.Parts
	}
	for _, chunk := range chunks {
		h.Lines = append(h.Lines, chunk.key())
	}
	return h, nil
}

// lastShard reads the last whole shard.
func (f *OldLines) lastShard(ctx context.Context, o state.Objects) (lineHolders, error) {
	last, err := state.LastOf(ctx, o, state.HolderPrefix, 0)
	f.number = last
	for n := last; err == nil && n > max(last-shardsKept, 0); n-- {
		var s lineHolders
		_, err = state.ReadRecord(ctx, o, state.Numbered(state.HolderPrefix, n, ".json"), &s)
		if err == nil && s.Version == state.RecordVersion {
			return s, nil
		}
		if state.CorruptOrGone(err) {
			err = nil
		}
	}
	return lineHolders{}, err
}

// Done records that the keys were removed, so that they are not looked for again.
func (f OldLines) Done(ctx context.Context, o state.Objects) error {
	if !f.changed {
		return nil
	}
	text, err := json.Marshal(f.next)
	if err != nil {
		return err
	}
	if err = o.Create(ctx, state.Numbered(state.HolderPrefix, f.number+1, ".json"), text); errors.Is(err, state.ErrExists) {
		return nil // another run did the same
	}
	return err
}

// OldShards lists all but the last two of what is known of who needs which lines.
func OldShards(ctx context.Context, o state.Objects, _ time.Time) ([]string, error) {
	return state.AllBut(ctx, o, state.HolderPrefix, shardsKept)
}
