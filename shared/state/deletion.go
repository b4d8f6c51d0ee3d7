package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"vodcurator/shared/video"
)

// DeletionNotice is a media that the library announced to be deleted as a whole. Nobody signs
// such an announcement, it may come twice, late or never: it is a second opinion on
// the ledger and decides nothing.
type DeletionNotice struct {
	ID video.ID  `json:"id"`
	At time.Time `json:"at"` // the library's
}

// NoteDeletions keeps announcements that came at a moment. The same ones twice are kept
// once.
func NoteDeletions(ctx context.Context, o Objects, at time.Time, all []DeletionNotice) error {
	if len(all) == 0 {
		return nil
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	for _, g := range all {
		if err := e.Encode(g); err != nil {
			return err
		}
	}
	err := o.Create(ctx, DeletionPrefix+at.UTC().Format(time.DateOnly)+"/"+Digest(body.Bytes()), body.Bytes())
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// Deletions reads the announcements that did not expire yet, by the day on which they came.
// It ends at its first error.
func Deletions(ctx context.Context, o Objects) iter.Seq2[DeletionNotice, error] {
	return func(yield func(DeletionNotice, error) bool) {
		for key, err := range Named(ctx, o, DeletionPrefix, "") {
			var body []byte
			if err == nil {
				body, err = o.Read(ctx, key)
			}
			if err != nil {
				yield(DeletionNotice{}, err)
				return
			}
			for line := range bytes.Lines(body) {
				var g DeletionNotice
				if err := json.Unmarshal(line, &g); err != nil {
					yield(g, fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err))
					return
				}
				if !yield(g, nil) {
					return
				}
			}
		}
	}
}
