package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// Queue is a queue that the functions need.
type Queue struct {
	Name, Why string
	Variable  string        // that names it
	Keeps     time.Duration // least retention
	Late      time.Duration // the oldest message is no older than that where all is well; 0: nobody takes from it at once
	Bulk      bool
}

const day = 24 * time.Hour

// noticeQueue is where VOD's notifications go, by the environment here or the manifest.
func (p *Patient) noticeQueue() string {
	name := p.Env("NOTICE_QUEUE")
	for _, f := range p.Manifest.Functions {
		name = cmp.Or(name, f.Env["NOTICE_QUEUE"])
	}
	return cmp.Or(name, "vodcurator-notices")
}

// Queues are the queues that the functions need.
func (p *Patient) Queues() []Queue {
	c := p.App.Config
	return []Queue{
		{Name: p.noticeQueue(), Variable: "NOTICE_QUEUE", Keeps: 4 * day, Late: time.Hour, Why: "VOD writes its notifications into it"},
		{Name: cmp.Or(c.MetadataQueue, "vodcurator-metadata"), Variable: "METADATA_QUEUE", Keeps: 7 * day, Late: time.Hour, Why: "metadata messages"},
		{Name: cmp.Or(c.BulkQueue, "vodcurator-bulk"), Variable: "METADATA_BULK_QUEUE", Keeps: 7 * day, Late: 12 * time.Hour, Bulk: true,
			Why: "what rules and backfills ask for, behind people's changes; no long polling of its own (PollingWaitSeconds 0)"},
		{Name: cmp.Or(c.DeadLetterQueue, "vodcurator-dead"), Variable: "DEAD_LETTER_QUEUE", Keeps: 7 * day, Why: "what cannot be done, with its reason"},
	}
}

func queues(ctx context.Context, p *Patient) (all []Finding) {
	if p.App.Queue == nil {
		return []Finding{doubt("set ALIBABA_CLOUD_ACCOUNT_ID", "not asked: no account is named")}
	}
	for _, q := range p.Queues() {
		all = append(all, p.LookAtQueue(ctx, q).of(q.Name))
	}
	return all
}

// LookAtQueue says how a queue is.
func (p *Patient) LookAtQueue(ctx context.Context, q Queue) Finding {
	is, err := p.App.Queue.Settings(ctx, q.Name)
	switch {
	case errors.Is(err, video.ErrNotFound):
		return fault("vodctl setup --apply makes it", "does not exist")
	case err != nil:
		return unasked(err, "mns:GetQueueAttributes")
	}
	oldest, found := p.oldest(ctx, q.Name)
	seen := fmt.Sprintf("%s waiting, %s taken, %s delayed", report.Number(int(is.Active)), report.Number(int(is.Inactive)), report.Number(int(is.Delayed)))
	if !oldest.IsZero() {
		seen += ", the oldest of the next few " + ago(time.Since(oldest)) + " old"
	}
	switch {
	case q.Late > 0 && !oldest.IsZero() && time.Since(oldest) > q.Late:
		return fault("the function that takes from it does not: see its stream and its log", "%s", seen)
	case is.Retention > 0 && is.Retention < q.Keeps:
		return doubt(fmt.Sprintf("set its MessageRetentionPeriod to %d seconds", int(q.Keeps.Seconds())), "keeps messages for %s alone; %s", ago(is.Retention), seen)
	case q.Bulk && is.Wait > 0:
		return doubt("set its PollingWaitSeconds to 0: metadata waits for each empty look", "waits %s for each look", is.Wait)
	case found != nil:
		return unasked(found, "mns:BatchPeekMessage")
	}
	return ok("%s", seen)
}

// oldest is when the oldest of the next messages came, zero where there is none. MNS gives
// them in no order, so an older one may be behind them.
func (p *Patient) oldest(ctx context.Context, name string) (oldest time.Time, err error) {
	next, err := p.App.Queue.Peek(ctx, name, queue.MaxBatch)
	return queue.Oldest(next), err
}

func deadLetters(ctx context.Context, p *Patient) []Finding {
	name := p.App.DeadLetterQueue
	if name == "" || p.App.Queue == nil {
		return []Finding{doubt("set DEAD_LETTER_QUEUE as s.yaml has it", "not asked: no queue is named")}
	}
	is, err := p.App.Queue.Settings(ctx, name)
	if errors.Is(err, video.ErrNotFound) {
		return []Finding{doubt("vodctl setup --apply makes the queue", "not asked: there is no queue %s", name)}
	}
	if err != nil {
		return []Finding{unasked(err, "mns:GetQueueAttributes")}
	}
	next, err := p.App.Queue.Peek(ctx, name, queue.MaxBatch)
	total := is.Active + is.Inactive + is.Delayed
	switch {
	case err != nil:
		return []Finding{unasked(err, "mns:BatchPeekMessage")}
	case total == 0 && len(next) == 0:
		return []Finding{ok("none")}
	}
	reasons := map[string]int{}
	for _, m := range next {
		letter, err := events.DecodeDeadLetter(m.Body)
		reason := letter.Reason
		if err != nil {
			reason = "not written by a function: put there by the platform"
		}
		reasons[report.Cut(video.Visible(reason), 60)]++
	}
	lines := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})
	for i, reason := range lines {
		lines[i] = fmt.Sprintf("%d × %s", reasons[reason], reason)
	}
	return []Finding{fault("vodctl dlq list; then redrive, edit or drop them", "%s; of the next %d: %s", report.Count(int(max(total, int64(len(next)))), "dead letter"), len(next), few(lines))}
}
