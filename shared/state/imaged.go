package state

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/video"
)

// reads is how many objects are read side by side where their order does not matter.
const reads = 16

// GoneBefore is the detail of an item that was missing by the word of the call that was
// to remove it.
const GoneBefore = "gone before the call"

// Imaged reads from the ledger of which media the images of a type are gone: removed,
// or not there by the word of the call. Nothing else knows, since the library tells of
// covers only. It stays so when new images are made later. A media takes 16 bytes.
func Imaged(ctx context.Context, o Objects) (func(id video.ID, kind string) bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gone := map[string][]short{} // by type
	var mu sync.Mutex
	var wg sync.WaitGroup
	keys := make(chan string)
	for range reads {
		wg.Go(func() {
			for key := range keys {
				rows, err := imageRows(ctx, o, key)
				if err != nil {
					cancel(err)
				}
				mu.Lock()
				for _, row := range rows {
					gone[row.Part] = append(gone[row.Part], shorten(row.ID))
				}
				mu.Unlock()
			}
		})
	}
	for key, err := range o.List(ctx, "ledger/", "") {
		if err != nil {
			cancel(err)
		}
		if ctx.Err() != nil {
			break
		}
		keys <- key
	}
	close(keys)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for kind, ids := range gone {
		slices.SortFunc(ids, short.compare)
		gone[kind] = slices.Compact(ids)
	}
	return func(id video.ID, kind string) bool {
		_, found := slices.BinarySearchFunc(gone[kind], shorten(id), short.compare)
		return found
	}, nil
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
