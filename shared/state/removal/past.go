package removal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vodcurator/shared/decide/removal"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// reads is how many objects are read side by side where their order does not matter.
const reads = 16

// imagedEvery is how many segments at most may be read again each time before what was
// found is kept for the next; imagedPer is for how many media one of them is.
const imagedEvery, imagedPer = 500, 2000

// GoneBefore is the detail of an item that was missing by the word of the call that was
// to remove it.
const GoneBefore = "gone before the call"

// Past is what only the ledger tells: which images of media are gone, by type, since the
// library tells of covers only (it stays so when new images are made later), and into
// which storage class a media was moved in which hour. A media takes 16 bytes for each. The
// zero Past tells nothing.
type Past struct {
	gone   shorts
	unsure shorts
	moved  shorts // by hour and class

	last map[short]entry // of moved; nil until it is asked
	upTo string          // the last segment that was read; empty: it is not worth keeping
}

// hourForm names an hour.
const hourForm = "2006-01-02T15"

type entry struct {
	class      string
	begin, end time.Time // of the hour
}

// Gone says that the images of a type were removed, or not there by the word of the call.
func (i Past) Gone(id video.ID, kind string) bool { return i.gone.has(id, kind) }

// Unsure says that a call whose outcome nobody knows may have removed them.
func (i Past) Unsure(id video.ID, kind string) bool { return i.unsure.has(id, kind) }

// Moved is the last move of a media: into which class, and the end of the hour in which a run
// found it there, so that no minimum time ends too early. What was kept by day, as it was
// before, counts to the end of that day.
func (i *Past) Moved(id video.ID) (class string, at time.Time, ok bool) {
	if i.last == nil {
		i.last = map[short]entry{}
		for _, name := range slices.Sorted(maps.Keys(i.moved)) { // by hour, and in one hour the coldest last: moves are rarely taken back at once
			date, class, _ := strings.Cut(name, " ")
			begin, err := time.Parse(hourForm, date)
			end := begin.Add(time.Hour)
			if err != nil {
				begin, err = time.Parse(time.DateOnly, date)
				end = begin.AddDate(0, 0, 1)
			}
			if err != nil {
				continue
			}
			for _, one := range i.moved[name] {
				if was := i.last[one]; was.begin.Before(begin) || colder(class, was.class) {
					i.last[one] = entry{class, begin, end}
				}
			}
		}
	}
	last, ok := i.last[shorten(id)]
	return last.class, last.end, ok
}

func colder(a, b string) bool {
	return slices.Index(video.StorageClasses, a) > slices.Index(video.StorageClasses, b)
}

// LoadPast reads from the ledger what became of images, and what was moved.
//
// Objects that cannot be read as they were written are skipped and named: what only
// they tell of is listed once more, and found to be gone. It writes nothing: Keep does.
func LoadPast(ctx context.Context, o state.Objects) (past Past, damaged []error, err error) {
	past, last, damaged, err := keptPast(ctx, o)
	if err != nil {
		return Past{}, nil, err
	}
	var mu sync.Mutex
	calls, one := errgroup.WithContext(ctx)
	calls.SetLimit(reads)
	fresh := 0
	for key, err := range state.Named(one, o, state.LedgerPrefix, state.LedgerPrefix+last+"~") { // ~ sorts behind every ending
		if err != nil {
			calls.Go(func() error { return err })
			break
		}
		calls.Go(func() error {
			rows, err := pastRows(one, o, key)
			mu.Lock()
			defer mu.Unlock()
			if isDamage(err) {
				damaged, err = append(damaged, err), nil
			}
			past.add(rows)
			return err
		})
		fresh++
		last, _, _ = strings.Cut(strings.TrimPrefix(key, "ledger/"), ".")
	}
	if err := calls.Wait(); err != nil {
		return Past{}, nil, err
	}
	media := past.gone.sort() + past.unsure.sort() + past.moved.sort()
	every := min(imagedEvery, 1+media/imagedPer) // so that neither reading again nor keeping grows
	if len(damaged) > 0 {
		every = imagedEvery // they may be restored from a copy
	}
	if fresh >= every {
		past.upTo = last
	}
	slices.SortFunc(damaged, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return past, damaged, nil
}

// Keep writes what was found, so that the next LoadPast does not read the whole ledger. It
// writes nothing when little would be saved. Only purgeplan has the right.
func (i Past) Keep(ctx context.Context, o state.Objects) error {
	if i.upTo == "" {
		return nil
	}
	var ids []byte
	head := imagedHead{Version: state.RecordVersion, Types: i.gone.put(&ids), Unsure: i.unsure.put(&ids), Moved: i.moved.put(&ids)}
	head.Sum = state.Digest(ids)
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	err = o.Create(ctx, state.ImagePrefix+i.upTo, slices.Concat(text, []byte("\n"), ids))
	if errors.Is(err, state.ErrExists) {
		return nil
	}
	return err
}

func isDamage(err error) bool {
	return errors.Is(err, state.ErrCorrupt) || errors.Is(err, video.ErrNotFound)
}

// imagedHead is the first line of what was found up to a segment; the ids of each type
// follow it, 16 bytes each, those that are gone before those that may be.
type imagedHead struct {
	Version int           `json:"version"`
	Types   []imagedTypes `json:"types"`
	Unsure  []imagedTypes `json:"unsure,omitempty"`
	Moved   []imagedTypes `json:"moved,omitempty"`
	Sum     string        `json:"sum"` // hash of all behind this line
}

type imagedTypes struct {
	Type  string `json:"type"`
	Media int    `json:"media"`
}

// keptPast reads the newest whole of what was kept, and up to which segment that goes.
func keptPast(ctx context.Context, o state.Objects) (images Past, last string, damaged []error, err error) {
	var keys []string
	for key, err := range state.Named(ctx, o, state.ImagePrefix, "") {
		if err != nil {
			return Past{}, "", nil, err
		}
		keys = append(keys, key)
	}
	for _, key := range slices.Backward(keys) {
		body, err := o.Read(ctx, key)
		if err == nil {
			if images, err = decodePast(key, body); err == nil {
				return images, strings.TrimPrefix(key, state.ImagePrefix), damaged, nil
			}
		}
		if !isDamage(err) {
			return Past{}, "", nil, err
		}
		damaged = append(damaged, err)
	}
	return newPast(), "00000000", damaged, nil
}

func decodePast(key string, body []byte) (Past, error) {
	line, ids, _ := bytes.Cut(body, []byte("\n"))
	var head imagedHead
	if err := json.Unmarshal(line, &head); err != nil || head.Version != state.RecordVersion || head.Sum != state.Digest(ids) {
		return Past{}, fmt.Errorf("%s: %w", key, state.ErrCorrupt)
	}
	images := newPast()
	if !images.gone.take(&ids, head.Types) || !images.unsure.take(&ids, head.Unsure) || !images.moved.take(&ids, head.Moved) {
		return Past{}, fmt.Errorf("%s: %w: cut short", key, state.ErrCorrupt)
	}
	return images, nil
}

func newPast() Past { return Past{gone: shorts{}, unsure: shorts{}, moved: shorts{}} }

// pastRows gives the outcomes of a segment that tell of images and moves.
func pastRows(ctx context.Context, o state.Objects, key string) ([]Row, error) {
	body, err := o.Read(ctx, key)
	if err != nil || !bytes.Contains(body, []byte(`"`+retention.Images+`"`)) && !bytes.Contains(body, []byte(`"`+retention.Move+`"`)) {
		return nil, err
	}
	_, rows, err := decodeSegment(key, body)
	return slices.DeleteFunc(rows, func(r Row) bool { return r.Event != Outcome || r.Kind != retention.Images && r.Kind != retention.Move }), err
}

// add takes in outcomes. An item that is asked for again after a call that nobody answered
// is deferred.
func (i Past) add(rows []Row) {
	for _, r := range rows {
		switch {
		case r.Kind == retention.Move:
			if r.Result == video.Done {
				hour := r.At.UTC().Format(hourForm) + " " + r.To
				i.moved[hour] = append(i.moved[hour], shorten(r.ID))
			}
		case r.Result == video.Done, r.Result == video.Missing && r.Detail == GoneBefore:
			i.gone[r.Part] = append(i.gone[r.Part], shorten(r.ID))
		case r.Result == video.Unknown, r.Result == video.Deferred && r.Detail == removal.AskedAgain:
			i.unsure[r.Part] = append(i.unsure[r.Part], shorten(r.ID))
		}
	}
}

// shorts are ids by a type of images.
type shorts map[string][]short

func (s shorts) has(id video.ID, kind string) bool {
	_, found := slices.BinarySearchFunc(s[kind], shorten(id), short.compare)
	return found
}

// sort leaves each id once, and counts them.
func (s shorts) sort() (n int) {
	for kind, ids := range s {
		slices.SortFunc(ids, short.compare)
		s[kind] = slices.Compact(ids)
		n += len(s[kind])
	}
	return n
}

// put appends the ids.
func (s shorts) put(ids *[]byte) (types []imagedTypes) {
	for _, kind := range slices.Sorted(maps.Keys(s)) {
		types = append(types, imagedTypes{kind, len(s[kind])})
		for _, one := range s[kind] {
			*ids = append(*ids, one[:]...)
		}
	}
	return types
}

// take cuts the ids of types off the front; false: there are fewer.
func (s shorts) take(ids *[]byte, types []imagedTypes) bool {
	for _, t := range types {
		if t.Media < 0 || t.Media > len(*ids)/len(short{}) {
			return false
		}
		all := make([]short, t.Media)
		for i := range all {
			*ids = (*ids)[copy(all[i][:], *ids):]
		}
		s[t.Type] = all
	}
	return true
}

// short is an id in 16 bytes: 32 hex digits as they are, and of every other id a hash.
type short [16]byte

func (s short) compare(other short) int { return bytes.Compare(s[:], other[:]) }

func shorten(id video.ID) (s short) {
	if len(id) == 2*len(s) && strings.ToLower(string(id)) == string(id) {
		if _, err := hex.Decode(s[:], []byte(id)); err == nil {
			return s
		}
	}
	sum := sha256.Sum256([]byte(id))
	copy(s[:], sum[:])
	return s
}
