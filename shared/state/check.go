package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// Check reads every object, one after the other, and gives the keys of those that are
// corrupt (ErrCorrupt), of those that a later version has written (ErrLater) and of those
// that have no name of this program (ErrStray), with why; a part that a plan needs and
// that is not there is given as well, while the plan has not expired. Rules, policies,
// bodies of messages and marks are only read, and whether the segments of the ledger
// follow each other is for VerifyLedger. An error without a key is the end.
func Check(ctx context.Context, o Objects, now time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		parts := map[string]bool{} // they are listed before the plans
		for key, err := range o.List(ctx, "", "") {
			if err != nil {
				yield("", err)
				return
			}
			if err := CheckName(key); err != nil {
				if !yield(key, err) {
					return
				}
				continue
			}
			needs, err := whole(ctx, o, key, now)
			switch {
			case errors.Is(err, video.ErrNotFound): // expired or compacted since it was listed
			case errors.Is(err, ErrCorrupt), errors.Is(err, ErrLater):
				if !yield(key, err) {
					return
				}
			case err != nil:
				yield("", err)
				return
			}
			if strings.HasPrefix(key, "parts/") {
				parts[key] = true
			}
			for _, part := range needs {
				if !parts[part.key()] && !yield(part.key(), fmt.Errorf("part of %s: %w", key, video.ErrNotFound)) {
					return
				}
			}
		}
	}
}

// whole reads one object as its readers do, and gives the parts that a plan needs.
func whole(ctx context.Context, o Objects, key string, now time.Time) (needs []Chunk, err error) {
	dir, name, _ := strings.Cut(key, "/")
	id := strings.TrimSuffix(name, ".json")
	fits := true
	switch dir {
	case "plans":
		var p Plan
		if p, err = ReadPlan(ctx, o, id); now.Before(p.Expires) {
			needs = slices.Concat(p.Chunks, p.Pending, p.Survivors)
		}
	case "approvals":
		var p Plan
		if p, err = ReadPlan(ctx, o, id); err == nil {
			_, err = readApproval(ctx, o, p)
		} else {
			_, err = readWhole(ctx, o, key, &Approval{}) // the plan is given by itself
		}
	case "withdrawn":
		_, err = ReadWithdrawal(ctx, o, id)
	case "ended":
		_, err = ReadEnd(ctx, o, id)
	case "written":
		n, _ := number(id)
		_, err = readWritten(ctx, o, n)
	case "refused":
		plan, digits, _ := strings.Cut(id, "/")
		n, _ := number(digits)
		_, err = readRefusal(ctx, o, plan, n)
	case "checkpoints":
		n, _ := number(id)
		_, err = readCheckpoint(ctx, o, n)
	case "shards":
		_, err = readWhole(ctx, o, key, &shard{})
	case "aside":
		_, err = readAside(ctx, o, key)
	case "runs":
		_, err = readWhole(ctx, o, key, &RunStart{})
	case "halt":
		_, err = readWhole(ctx, o, key, &Halt{})
	case "drafts":
		var d Draft
		_, err = readWhole(ctx, o, key, &d)
		fits = numbered(d.prefix(), d.Number, ".json") == key
	case "lease":
		if strings.HasSuffix(key, ".json") {
			_, err = readWhole(ctx, o, key, &Lease{})
		}
	case "edits":
		err = wholeEdits(ctx, o, key)
	default:
		var body []byte
		if body, err = o.Read(ctx, key); err != nil {
			break
		}
		switch {
		case dir == "parts", dir+"/" == DeletionNotices:
			fits = strings.TrimSuffix(path.Base(key), ".jsonl") == digest(body)
		case dir == "ledger":
			var head segmentHead
			head, _, err = decodeSegment(key, body)
			fits = segmentKey(head.Segment) == key
		case dir+"/" == imagedPrefix:
			_, err = decodeImages(key, body)
		}
	}
	if err == nil && !fits {
		err = fmt.Errorf("%s: %w", key, ErrCorrupt)
	}
	return needs, err
}
