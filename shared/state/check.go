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
	if dir == "plans" {
		p, err := ReadPlan(ctx, o, id)
		if now.Before(p.Expires) {
			needs = slices.Concat(p.Chunks, p.Pending, p.Survivors)
		}
		return needs, err
	}
	if read := checks[dir]; read != nil {
		return nil, read(ctx, o, key, id)
	}
	return nil, wholeBody(ctx, o, key)
}

// checks read what lies in a folder as those do who use it. id is the key without its
// folder and its ending.
var checks = map[string]func(ctx context.Context, o Objects, key, id string) error{
	"approvals": func(ctx context.Context, o Objects, key, id string) error {
		p, err := ReadPlan(ctx, o, id)
		if err != nil {
			return asJSON[Approval](ctx, o, key, id) // the plan is given by itself
		}
		_, err = readApproval(ctx, o, p)
		return err
	},
	"withdrawn": func(ctx context.Context, o Objects, _, id string) error {
		_, err := ReadWithdrawal(ctx, o, id)
		return err
	},
	"ended": func(ctx context.Context, o Objects, _, id string) error {
		_, err := ReadEnd(ctx, o, id)
		return err
	},
	"written": func(ctx context.Context, o Objects, _, id string) error {
		n, _ := number(id)
		_, err := readWritten(ctx, o, n)
		return err
	},
	"refused": func(ctx context.Context, o Objects, _, id string) error {
		plan, digits, _ := strings.Cut(id, "/")
		n, _ := number(digits)
		_, err := readRefusal(ctx, o, plan, n)
		return err
	},
	"checkpoints": func(ctx context.Context, o Objects, _, id string) error {
		n, _ := number(id)
		_, err := readCheckpoint(ctx, o, n)
		return err
	},
	"aside": func(ctx context.Context, o Objects, key, _ string) error {
		_, err := readAside(ctx, o, key)
		return err
	},
	"drafts": func(ctx context.Context, o Objects, key, _ string) error {
		var d Draft
		if _, err := readWhole(ctx, o, key, &d); err != nil {
			return err
		}
		return fits(key, numbered(d.prefix(), d.Number, ".json") == key)
	},
	"lease": func(ctx context.Context, o Objects, key, id string) error {
		if !strings.HasSuffix(key, ".json") {
			return nil
		}
		return asJSON[Lease](ctx, o, key, id)
	},
	"edits":  func(ctx context.Context, o Objects, key, _ string) error { return wholeEdits(ctx, o, key) },
	"shards": asJSON[shard],
	"runs":   asJSON[RunStart],
	"halt":   asJSON[Halt],
}

func asJSON[T any](ctx context.Context, o Objects, key, _ string) error {
	_, err := readWhole(ctx, o, key, new(T))
	return err
}

// wholeBody checks what is named by its hash or its number.
func wholeBody(ctx context.Context, o Objects, key string) error {
	body, err := o.Read(ctx, key)
	if err != nil {
		return err
	}
	switch dir, _, _ := strings.Cut(key, "/"); dir + "/" {
	case "parts/", DeletionNotices:
		return fits(key, strings.TrimSuffix(path.Base(key), ".jsonl") == digest(body))
	case "ledger/":
		head, _, err := decodeSegment(key, body)
		if err != nil {
			return err
		}
		return fits(key, segmentKey(head.Segment) == key)
	case imagedPrefix:
		_, err = decodeImages(key, body)
	}
	return err
}

// fits says that an object lies where its content says.
func fits(key string, is bool) error {
	if !is {
		return fmt.Errorf("%s: %w", key, ErrCorrupt)
	}
	return nil
}
