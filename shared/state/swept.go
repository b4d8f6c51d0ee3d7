package state

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Swept says how far a sweep came: it has looked at all assets of one kind that were created
// before UpTo.
type Swept struct {
	Kind video.Kind
	At   time.Time // the planned time of its tick
	UpTo time.Time // in whole seconds
	Done bool      // it came to its end
}

func (s Swept) key() string {
	end := "open"
	if s.Done {
		end = "done"
	}
	return fmt.Sprintf("%s%s/%s-%s-%010d-%s", SweptPrefix, s.At.UTC().Format(time.DateOnly), Stamp(s.At), s.Kind, s.UpTo.Unix(), end)
}

// NoteSwept keeps how far a sweep came. The same twice is kept once.
func NoteSwept(ctx context.Context, o Objects, s Swept) error {
	err := o.Create(ctx, s.key(), []byte("{}")) // its name says it all
	if errors.Is(err, ErrExists) {
		return nil
	}
	return err
}

// LastSwept is how far the last sweep over a kind came that began in the week before a
// moment; false: there was none.
func LastSwept(ctx context.Context, o Objects, kind video.Kind, before time.Time) (last Swept, found bool, err error) {
	after := SweptPrefix + before.Add(-7*24*time.Hour).UTC().Format(time.DateOnly)
	for key, err := range Named(ctx, o, SweptPrefix, after) {
		if err != nil {
			return Swept{}, false, err
		}
		parts := strings.Split(key[strings.LastIndex(key, "/")+1:], "-")
		at, _ := time.Parse("20060102T150405Z", parts[0])
		if video.Kind(parts[1]) != kind || at.After(before) {
			continue
		}
		upTo, _ := strconv.ParseInt(parts[2], 10, 64)
		last, found = Swept{Kind: kind, At: at, UpTo: time.Unix(upTo, 0).UTC(), Done: parts[3] == "done"}, true
	}
	return last, found, nil
}

// LatestSweep is when the latest sweep began in the week before a moment, and the kinds whose
// end it has not reached; the zero time: there was none.
func LatestSweep(ctx context.Context, o Objects, before time.Time) (at time.Time, open []video.Kind, err error) {
	kinds := []video.Kind{video.KindVideo, video.KindAudio, video.KindImage}
	done := map[video.Kind]time.Time{}
	for _, kind := range kinds {
		last, found, err := LastSwept(ctx, o, kind, before)
		if err != nil {
			return time.Time{}, nil, err
		}
		if found && last.At.After(at) {
			at = last.At
		}
		if found && last.Done {
			done[kind] = last.At
		}
	}
	for _, kind := range kinds {
		if !at.IsZero() && !done[kind].Equal(at) {
			open = append(open, kind)
		}
	}
	return at, open, nil
}

// OldSwept lists how far sweeps came that nobody goes on from any more.
func OldSwept(ctx context.Context, o Objects, now time.Time) ([]string, error) {
	return OldDays(ctx, o, SweptPrefix, now.Add(-dayKept))
}
