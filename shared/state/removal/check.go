package removal

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/state"
)

// Readers read the objects of this room as their readers do. A plan needs its lines,
// while it has not expired; whether the segments of the ledger follow each other is for
// VerifyLedger.
var Readers = map[string]state.Reader{
	state.PlanPrefix: readPlanNeeds,
	state.ApprovalPrefix: func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		p, err := ReadPlan(ctx, o, nameOf(key))
		if err == nil {
			_, err = readApproval(ctx, o, p)
		} else {
			_, err = state.ReadRecord(ctx, o, key, &Approval{}) // the plan is given by itself
		}
		return nil, err
	},
	state.WithdrawalPrefix: byName(ReadWithdrawal),
	state.EndPrefix:        byName(ReadEnd),
	state.WrittenPrefix:    byNumber(readWritten),
	state.CheckpointPrefix: byNumber(readCheckpoint),
	state.RefusalPrefix: func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		plan, digits, _ := strings.Cut(nameOf(key), "/")
		n, _ := state.Number(digits)
		_, err := readRefusal(ctx, o, plan, n)
		return nil, err
	},
	state.HolderPrefix: state.WholeRecord[lineHolders],
	state.RunPrefix:    state.WholeRecord[RunStart],
	state.HaltPrefix:   state.WholeRecord[Halt],
	state.AsidePrefix: func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		_, err := readAside(ctx, o, key)
		return nil, err
	},
	state.DraftPrefix: func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		var d Draft
		_, err := state.ReadRecord(ctx, o, key, &d)
		return nil, fits(key, state.Numbered(d.prefix(), d.Number, ".json"), err)
	},
	state.PartPrefix:     hashed,
	state.DeletionPrefix: hashed,
	state.LedgerPrefix: func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		body, err := o.Read(ctx, key)
		if err != nil {
			return nil, err
		}
		head, _, err := decodeSegment(key, body)
		return nil, fits(key, segmentKey(head.Segment), err)
	},
	state.ImagePrefix: func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		body, err := o.Read(ctx, key)
		if err == nil {
			_, err = decodePast(key, body)
		}
		return nil, err
	},
}

func readPlanNeeds(ctx context.Context, o state.Objects, key string, now time.Time) (needs []string, err error) {
	p, err := ReadPlan(ctx, o, nameOf(key))
	if err == nil && now.Before(p.Expires) {
		for _, lines := range slices.Concat(p.Chunks, p.Pending, p.Survivors) {
			needs = append(needs, lines.key())
		}
	}
	return needs, err
}

// nameOf is a key without its prefix and ending.
func nameOf(key string) string {
	_, name, _ := strings.Cut(key, "/")
	return strings.TrimSuffix(name, ".json")
}

func byName[T any](read func(context.Context, state.Objects, string) (T, error)) state.Reader {
	return func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		_, err := read(ctx, o, nameOf(key))
		return nil, err
	}
}

func byNumber[T any](read func(context.Context, state.Objects, int) (T, error)) state.Reader {
	return func(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
		n, _ := state.Number(nameOf(key))
		_, err := read(ctx, o, n)
		return nil, err
	}
}

// hashed reads what is named by its hash.
func hashed(ctx context.Context, o state.Objects, key string, _ time.Time) ([]string, error) {
	body, err := o.Read(ctx, key)
	return nil, fits(strings.TrimSuffix(path.Base(key), ".jsonl"), state.Digest(body), err)
}

// fits is ErrCorrupt when an object lies under another name than its contents have.
func fits(key, want string, err error) error {
	if err == nil && key != want {
		err = fmt.Errorf("%s: %w", key, state.ErrCorrupt)
	}
	return err
}
