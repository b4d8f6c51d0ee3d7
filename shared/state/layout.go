package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Every prefix under which this package keeps objects. Keys outside of them belong to the
// owner of the state: rules, policies, hold lists, usage files.
const (
	PlanPrefix       = "plans/"       // ID.json: heads of plans
	WrittenPrefix    = "written/"     // NUMBER.json: in which order plans were written
	PartPrefix       = "parts/"       // HASH.jsonl: lines of plans and drafts
	DraftPrefix      = "drafts/"      // STAMP-KEY/NUMBER.json: progress of planning
	ApprovalPrefix   = "approvals/"   // ID.json
	WithdrawalPrefix = "withdrawn/"   // ID.json
	RefusalPrefix    = "refused/"     // ID/NUMBER.json: why runs refused a plan
	RunPrefix        = "runs/"        // ID or takedown/NUMBER.json: beginnings of runs
	EndPrefix        = "ended/"       // ID or takedown.json
	LedgerPrefix     = "ledger/"      // NUMBER.jsonl
	CheckpointPrefix = "checkpoints/" // NUMBER.json: up to where the ledger was verified
	HaltPrefix       = "halt/"        // NUMBER.json
	LeasePrefix      = "lease/"       // NAME/NUMBER.json and .released
	AsidePrefix      = "aside/"       // DAY/HASH.jsonl: what cannot go
	HolderPrefix     = "shards/"      // NUMBER.json: who needs which lines, for upkeep
	MessagePrefix    = "messages/"    // DAY/HASH: bodies of messages
	SweptPrefix      = "swept/"       // DAY/TICK-KIND-SECONDS-open or -done: how far sweeps came
	NoticePrefix     = "told/"        // DAY or ID/HASH: marks of notices
	ImagePrefix      = "imaged/"      // NUMBER: images that are gone, summed up
	DeletionPrefix   = "gone/"        // DAY/HASH: what the library announced to be deleted
	VersionPrefix    = "versions/"    // rules or policy/NUMBER.json: texts that people saved, and which became current

	EditPrefix      = "edits/"              // all that is remembered of metadata changes:
	EditLogPrefix   = EditPrefix + "0"      // its log, numbered by twelve digits, the first of which is 0 for a long time
	EditShardPrefix = EditPrefix + "shard/" // what the log came to: three hex digits, and the entry that it reaches to
	EditIndexPrefix = EditPrefix + "index/" // which shards count, and from where on the log does
)

// Takedowns begins the names of takedowns, which are no plans but have runs, ends
// and rows as plans do.
const Takedowns = "takedown-"

// IncidentCode says what kind of incident something is, for programs that receive notices:
// the words of an incident may change, its code does not.
type IncidentCode string

// ErrStray says that the name of an object does not fit the prefix under which it lies.
// Nothing reads such an object.
var ErrStray = errors.New("stray: no object of this program has such a name here; remove it")

// IsPlan says that a name is one of a plan.
var IsPlan = matcher(`^\d{8}T\d{6}Z-[0-9a-f]{8}$`)

var (
	sweptName    = matcher(`^\d{8}T\d{6}Z-(video|audio|image)-\d{10}-(open|done)$`)
	takedownName = matcher(`^` + Takedowns + `[0-9A-Za-z]+$`)
	leaseName    = matcher(`^[a-z]+$`)
	hashName     = matcher(`^[0-9a-f]{64}$`)
	markName     = matcher(`^[0-9a-f]{16}$`)
	messageName  = matcher(`^(dropped-)?[0-9a-f]{64}$`)                           // of a message, or of a dead letter that was dropped
	editsName    = matcher(`^(\d{12}\+?|shard/[0-9a-f]{3}/\d{12}|index/\d{12})$`) // an entry of the log, a shard, an index
)

// matcher compiles a pattern at its first use, so that no function does so at start.
func matcher(pattern string) func(string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(s string) bool { return compiled().MatchString(s) }
}

// fit says whether the rest of a key, behind its prefix, is a name of this program, for
// each prefix.
var fit = map[string]func(rest string) bool{
	PlanPrefix:       planFile,
	ApprovalPrefix:   planFile,
	WithdrawalPrefix: planFile,
	WrittenPrefix:    numberFile(".json"),
	HaltPrefix:       numberFile(".json"),
	CheckpointPrefix: numberFile(".json"),
	HolderPrefix:     numberFile(".json"),
	LedgerPrefix:     numberFile(".jsonl"),
	PartPrefix: func(rest string) bool {
		hash, ok := strings.CutSuffix(rest, ".jsonl")
		return ok && hashName(hash)
	},
	DraftPrefix:   below(IsPlan, numberFile(".json")), // the key of a draft looks like the hash of a plan
	RefusalPrefix: below(IsPlan, numberFile(".json")),
	RunPrefix:     below(runName, numberFile(".json")),
	EndPrefix: func(rest string) bool {
		name, ok := strings.CutSuffix(rest, ".json")
		return ok && runName(name)
	},
	LeasePrefix: below(leaseName, numberFile(".json", ".released")),
	AsidePrefix: below(IsDay, func(rest string) bool {
		hash, ok := strings.CutSuffix(rest, ".jsonl")
		return ok && hashName(hash)
	}),
	DeletionPrefix: below(IsDay, hashName),
	MessagePrefix:  below(IsDay, messageName),
	NoticePrefix:   below(func(of string) bool { return IsDay(of) || IsPlan(of) }, markName),
	SweptPrefix:    below(IsDay, sweptName),
	ImagePrefix:    func(rest string) bool { _, ok := Number(rest); return ok },
	VersionPrefix:  below(isTexts, numberFile(".json")),
	EditPrefix:     editsName,
}

// CheckName is ErrStray when a key lies under a prefix of this package and does not look
// like one of its names. A key outside of all prefixes is the owner's, and fits.
func CheckName(key string) error {
	dir, rest, found := strings.Cut(key, "/")
	if !found {
		return nil
	}
	if fits := fit[dir+"/"]; fits != nil && !fits(rest) {
		return fmt.Errorf("%s: %w", key, ErrStray)
	}
	return nil
}

// Named lists the keys that are named like objects of this program. The others are stray:
// no reader looks at them, and Check names them.
func Named(ctx context.Context, o Objects, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range o.List(ctx, prefix, after) {
			if err == nil && CheckName(key) != nil {
				continue
			}
			if !yield(key, err) || err != nil {
				return
			}
		}
	}
}

// Empty says whether the state holds nothing that this program has ever written: it is
// new, or STATE names the wrong place. What lies there otherwise does not count.
func Empty(ctx context.Context, o Objects) (bool, error) {
	for prefix := range fit {
		for _, err := range Named(ctx, o, prefix, "") {
			return false, err
		}
	}
	return true, nil
}

func planFile(rest string) bool {
	id, ok := strings.CutSuffix(rest, ".json")
	return ok && IsPlan(id)
}

func runName(name string) bool { return IsPlan(name) || takedownName(name) }

// IsDay says that a name is a day.
func IsDay(name string) bool {
	_, err := time.Parse(time.DateOnly, name)
	return err == nil
}

// below fits names of two segments.
func below(dir, file func(string) bool) func(string) bool {
	return func(rest string) bool {
		name, inside, ok := strings.Cut(rest, "/")
		return ok && dir(name) && file(inside)
	}
}

func numberFile(endings ...string) func(string) bool {
	return func(rest string) bool {
		for _, ending := range endings {
			if digits, ok := strings.CutSuffix(rest, ending); ok {
				_, ok = Number(digits)
				return ok
			}
		}
		return false
	}
}

// Number reads the eight digits of a series, which begins at 1.
func Number(digits string) (int, bool) {
	if len(digits) != 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return int(n), err == nil && n > 0
}
