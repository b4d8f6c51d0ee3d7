package state

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

	"golang.org/x/sync/errgroup"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// reads is how many objects are read side by side where their order does not matter.
const reads = 16

// imagedEvery is how many segments at most may be read again each time before what was
// found is kept for the next; imagedPer is for how many media one of them is.
const imagedEvery, imagedPer = 500, 2000

const imagedPrefix = "imaged/"

// GoneBefore is the detail of an item that was missing by the word of the call that was
// to remove it.
const GoneBefore = "gone before the call"

// Imaged reads from the ledger of which media the images of a type are gone: removed,
// or not there by the word of the call. Nothing else knows, since the library tells of
// covers only. It stays so when new images are made later. A media takes 16 bytes.
//
// Objects that cannot be read as they were written are skipped and named: what only
// they tell of is listed once more, and found to be gone. What was found is kept, where
// objects can be created, so that the next does not read the whole ledger.
func Imaged(ctx context.Context, o Objects) (gone func(id video.ID, kind string) bool, damaged []error, err error) {
	known, last, damaged, err := keptImages(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	calls, one := errgroup.WithContext(ctx)
	calls.SetLimit(reads)
	fresh := 0
	for key, err := range named(one, o, ledgerPrefix, ledgerPrefix+last+"~") { // ~ sorts behind every ending
		if err != nil {
			calls.Go(func() error { return err })
			break
		}
		calls.Go(func() error {
			rows, err := imageRows(one, o, key)
			mu.Lock()
			defer mu.Unlock()
			if isDamage(err) {
				damaged, err = append(damaged, err), nil
			}
			for _, row := range rows {
				known[row.Part] = append(known[row.Part], shorten(row.ID))
			}
			return err
		})
		fresh++
		last, _, _ = strings.Cut(strings.TrimPrefix(key, "ledger/"), ".")
	}
	if err := calls.Wait(); err != nil {
		return nil, nil, err
	}
	for kind, ids := range known {
		slices.SortFunc(ids, short.compare)
		known[kind] = slices.Compact(ids)
	}
	media := 0
	for _, ids := range known {
		media += len(ids)
	}
	every := min(imagedEvery, 1+media/imagedPer) // so that neither reading again nor keeping grows
	if len(damaged) > 0 {
		every = imagedEvery // they may be restored from a copy
	}
	if fresh >= every {
		err = keepImages(ctx, o, last, known)
	}
	slices.SortFunc(damaged, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return func(id video.ID, kind string) bool {
		_, found := slices.BinarySearchFunc(known[kind], shorten(id), short.compare)
		return found
	}, damaged, err
}

func isDamage(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, video.ErrNotFound)
}

// imagedHead is the first line of what was found up to a segment; the ids of each type
// follow it, 16 bytes each.
type imagedHead struct {
	Version int           `json:"version"`
	Types   []imagedTypes `json:"types"`
	Sum     string        `json:"sum"` // hash of all behind this line
}

type imagedTypes struct {
	Type  string `json:"type"`
	Media int    `json:"media"`
}

// keptImages reads the newest whole of what was kept, and up to which segment that goes.
func keptImages(ctx context.Context, o Objects) (known map[string][]short, last string, damaged []error, err error) {
	var keys []string
	for key, err := range named(ctx, o, imagedPrefix, "") {
		if err != nil {
			return nil, "", nil, err
		}
		keys = append(keys, key)
	}
	for _, key := range slices.Backward(keys) {
		body, err := o.Read(ctx, key)
		if err == nil {
			if known, err = decodeImages(key, body); err == nil {
				return known, strings.TrimPrefix(key, imagedPrefix), damaged, nil
			}
		}
		if !isDamage(err) {
			return nil, "", nil, err
		}
		damaged = append(damaged, err)
	}
	return map[string][]short{}, "00000000", damaged, nil
}

func keepImages(ctx context.Context, o Objects, last string, known map[string][]short) error {
	var ids []byte
	head := imagedHead{Version: version}
	for _, kind := range slices.Sorted(maps.Keys(known)) {
		head.Types = append(head.Types, imagedTypes{kind, len(known[kind])})
		for _, s := range known[kind] {
			ids = append(ids, s[:]...)
		}
	}
	head.Sum = digest(ids)
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	err = o.Create(ctx, imagedPrefix+last, slices.Concat(text, []byte("\n"), ids))
	if errors.Is(err, ErrExists) || errors.Is(err, video.ErrForbidden) {
		return nil
	}
	return err
}

func decodeImages(key string, body []byte) (map[string][]short, error) {
	line, ids, _ := bytes.Cut(body, []byte("\n"))
	var head imagedHead
	if err := json.Unmarshal(line, &head); err != nil || head.Version != version || head.Sum != digest(ids) {
		return nil, fmt.Errorf("%s: %w", key, ErrCorrupt)
	}
	known := map[string][]short{}
	for _, t := range head.Types {
		if t.Media < 0 || t.Media > len(ids)/len(short{}) {
			return nil, fmt.Errorf("%s: %w: cut short", key, ErrCorrupt)
		}
		all := make([]short, t.Media)
		for i := range all {
			ids = ids[copy(all[i][:], ids):]
		}
		known[t.Type] = all
	}
	return known, nil
}

// imageRows gives the outcomes of a segment after which images are gone.
func imageRows(ctx context.Context, o Objects, key string) ([]Row, error) {
	body, err := o.Read(ctx, key)
	if err != nil || !bytes.Contains(body, []byte(`"`+retention.Images+`"`)) {
		return nil, err
	}
	_, rows, err := decodeSegment(key, body)
	return slices.DeleteFunc(rows, func(r Row) bool {
		return r.Event != Outcome || r.Kind != retention.Images || r.Result != video.Done && (r.Result != video.Missing || r.Detail != GoneBefore)
	}), err
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
