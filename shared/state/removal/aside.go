package removal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Aside is an item that a run found it cannot remove: the library refuses it, or its answer
// cannot be understood. Until then, or until the asset is modified, planning leaves it out.
type Aside struct {
	ID       video.ID       `json:"id"`
	Kind     retention.Kind `json:"kind,omitempty"`
	Part     string         `json:"part,omitempty"`
	Modified time.Time      `json:"modified,omitzero"` // of the asset, as it was read then; zero: it was not told
	Until    time.Time      `json:"until"`
	Why      string         `json:"why"`
}

// AsideKey names the item.
type AsideKey struct {
	ID   video.ID
	Kind retention.Kind
	Part string
}

// Key is the item's key.
func (a Aside) Key() AsideKey { return AsideKey{a.ID, a.Kind, a.Part} }

// Holds says whether the item is still set aside at a moment, for an asset that is modified
// when it is read now. An asset that does not tell when it was modified is told by Until alone.
func (a Aside) Holds(now, modified time.Time) bool {
	return now.Before(a.Until) && (a.Modified.IsZero() || modified.IsZero() || !modified.After(a.Modified))
}

// How long an item stays set aside: by itself, and at most.
const (
	asideTime = 7 * 24 * time.Hour
	asideMost = 30 * 24 * time.Hour
)

// future is how far apart the clocks of two machines may be before what is dated later
// than now is taken for a mistake.
const future = 10 * time.Minute

// NoteAside remembers items that cannot go, found at a moment. Until is seven days later
// where it is zero, and thirty at most. The same ones twice are remembered once.
func NoteAside(ctx context.Context, o state.Objects, at time.Time, all []Aside) error {
	if len(all) == 0 {
		return nil
	}
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	for _, a := range all {
		if a.ID == "" {
			return fmt.Errorf("%w: an item that is set aside has an id", video.ErrInvalid)
		}
		if a.Until.IsZero() {
			a.Until = at.Add(asideTime)
		}
		if most := at.Add(asideMost); a.Until.After(most) {
			a.Until = most
		}
		a.Until = a.Until.UTC()
		if !a.Modified.IsZero() {
			a.Modified = a.Modified.UTC()
		}
		if err := e.Encode(a); err != nil {
			return err
		}
	}
	err := o.Create(ctx, state.AsidePrefix+at.UTC().Format(time.DateOnly)+"/"+state.Digest(body.Bytes())+".jsonl", body.Bytes())
	if errors.Is(err, state.ErrExists) {
		return nil
	}
	return err
}

// ReadAside gives the items that are set aside at a moment; whether the asset was modified
// since is for the reader to ask (Holds). Objects that are stray, corrupt or of a later day
// are skipped and named. Of two entries about one item the one counts that ends later.
func ReadAside(ctx context.Context, o state.Objects, at time.Time) (all map[AsideKey]Aside, skipped []error, err error) {
	all = map[AsideKey]Aside{}
	at = at.UTC()
	oldest := state.AsidePrefix + at.Add(-asideMost-24*time.Hour).Format(time.DateOnly)
	latest := at.Add(future).Format(time.DateOnly)
	for key, err := range o.List(ctx, state.AsidePrefix, oldest) {
		if err != nil {
			return nil, nil, err
		}
		if err := state.CheckName(key); err != nil {
			skipped = append(skipped, err)
			continue
		}
		if day, _, _ := strings.Cut(strings.TrimPrefix(key, state.AsidePrefix), "/"); day > latest {
			skipped = append(skipped, fmt.Errorf("%s: it is of a day to come, now is %s; remove it if no clock was wrong", key, at.Format(time.DateTime)))
			continue
		}
		entries, err := readAside(ctx, o, key)
		switch {
		case errors.Is(err, video.ErrNotFound): // expired since it was listed
			continue
		case errors.Is(err, state.ErrCorrupt):
			skipped = append(skipped, err)
			continue
		case err != nil:
			return nil, nil, err
		}
		for _, a := range entries {
			if at.Before(a.Until) && a.Until.After(all[a.Key()].Until) {
				all[a.Key()] = a
			}
		}
	}
	return all, skipped, nil
}

func readAside(ctx context.Context, o state.Objects, key string) (all []Aside, err error) {
	body, err := o.Read(ctx, key)
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(key, "/"+state.Digest(body)+".jsonl") {
		return nil, fmt.Errorf("%s: it fails its hash: %w", key, state.ErrCorrupt)
	}
	for line := range bytes.Lines(body) {
		var a Aside
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", key, state.ErrCorrupt, err)
		}
		all = append(all, a)
	}
	return all, nil
}
