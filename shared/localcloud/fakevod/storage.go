package fakevod

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// This file holds storage classes: what class the parts of an asset are in, changes of
// class and restores, and what they allow. bill.go counts what they cost.

// classNames are the classes of storage, the dearest first; minimumDays is how long each is
// charged for at least.
var (
	classNames  = [...]string{"Standard", "IA", "Archive", "ColdArchive"}
	minimumDays = [...]int64{0, 30, 60, 180}
)

const (
	classIA     = 1
	classFrozen = 2 // this class and those after it have to be restored before they are read
	classCold   = 3
	classes     = len(classNames)
)

// tiered are the regions that offer storage classes.
var tiered = []string{"cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1"}

// Tier is what is known of an asset's storage beside its class. It is never changed in place.
type Tier struct {
	Since   time.Time `json:",omitzero"`  // when the source entered its class; zero: when the asset was created
	Rest    time.Time `json:",omitzero"`  // likewise all else
	Set     time.Time `json:",omitzero"`  // when a test said so: streams of before are as long in their class
	From    string    `json:",omitempty"` // the class that a change under way leaves
	Due     time.Time `json:",omitzero"`  // when the change or restore under way ends
	Days    int64     `json:",omitempty"` // that the restore under way is for
	Source  bool      `json:",omitempty"` // the last restore was of the source file alone
	Replica bool      `json:",omitempty"` // the restored parts have a copy in Standard, until RestoreExpiration
}

func (a *Asset) tier() Tier {
	if a.Tier == nil {
		return Tier{}
	}
	return *a.Tier
}

func (a *Asset) storageClass() string { return cmp.Or(a.StorageClass, "Standard") }

// settled is the class that an asset is in, or was in before the change under way.
func (a *Asset) settled() string {
	if a.Becoming != "" {
		return cmp.Or(a.tier().From, "Standard")
	}
	return a.storageClass()
}

// changing says that nothing may be done with an asset but read about it.
func (a *Asset) changing() bool { return strings.HasSuffix(a.StorageClass, "Changing") }

// partClasses are the classes of the source and of all else that belongs to an asset.
func partClasses(class string) (source, rest int) {
	plain, only := strings.CutPrefix(class, "Source")
	n := max(0, slices.Index(classNames[:], plain))
	if only {
		return n, 0
	}
	return n, n
}

// due is when an asset's storage changes next; zero: never, as far as is known.
func (a *Asset) due() time.Time {
	t := a.tier()
	switch {
	case a.Becoming != "":
		return cmp.Or(t.Due, a.Modified) // one of an older state has no end: it is over
	case a.RestoreStatus == "Processing":
		return t.Due
	case t.Replica:
		return a.RestoreExpiration
	}
	return time.Time{}
}

// waiting is one asset whose storage changes at a known time. An entry whose asset has
// another time by now stands for nothing.
type waiting struct {
	due time.Time
	id  string
}

func (w waiting) compare(v waiting) int {
	return cmp.Or(w.due.Compare(v.due), strings.Compare(w.id, v.id))
}

// await notes when an asset's storage changes next.
func (l *library) await(a *Asset) {
	w := waiting{a.due(), a.ID}
	if w.due.IsZero() {
		return
	}
	if i, there := slices.BinarySearchFunc(l.waiting, w, waiting.compare); !there {
		l.waiting = slices.Insert(l.waiting, i, w)
	}
}

// mature ends what is due by now, each at its own time: what costs by time is counted
// by that. It goes first in every write.
func (ch *change) mature(now time.Time) {
	l, at := &ch.s.lib, ch.now
	for len(l.waiting) > 0 && !l.waiting[0].due.After(now) {
		w := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		if a := l.assets[w.id]; a != nil && a.due().Equal(w.due) {
			ch.now = w.due.UTC().Truncate(time.Second)
			ch.moved(a)
		}
	}
	ch.now = at
}

// CatchUp ends the changes of storage class and the restores that are due by the library's
// clock. Whoever moves the clock calls it; a call of the API does it too.
func (s *Server) CatchUp() { s.mature(s.opt.Now()) }

func (s *Server) mature(now time.Time) {
	s.mu.RLock()
	due := len(s.lib.waiting) > 0 && !s.lib.waiting[0].due.After(now)
	s.mu.RUnlock()
	if due {
		_ = s.write(now, func(*change) *fault { return nil }) // a failing journal is in the log
	}
}

// arm sees to it that what is due ends without a call; the caller holds s.mu.
func (s *Server) arm() {
	var next time.Time
	if len(s.lib.waiting) > 0 {
		next = s.lib.waiting[0].due
	}
	if next.Equal(s.armed) {
		return
	}
	if s.armed = next; s.alarm != nil {
		s.alarm.Stop()
	}
	if next.IsZero() {
		return
	}
	wait := next.Sub(s.opt.Now())
	if wait <= 0 {
		s.work.add()
		go func() { defer s.work.end(); s.CatchUp() }()
		return
	}
	s.alarm = time.AfterFunc(wait, func() {
		if s.ctx.Err() != nil {
			return
		}
		s.CatchUp()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.armed = time.Time{} // a clock that was moved back has not come there yet
		s.arm()
	})
}

// thawed says that the last restore of an asset holds.
func (a *Asset) thawed(now time.Time) bool {
	return a.RestoreStatus == "Success" && a.RestoreExpiration.After(now)
}

// readable says whether the source and the other parts of an asset can be read.
func (s *Server) readable(a *Asset, now time.Time) (source, rest bool) {
	cs, cr := partClasses(a.settled())
	warm := a.thawed(now)
	source, rest = cs < classFrozen || warm, cr < classFrozen || warm && !a.tier().Source
	if a.changing() && !s.opt.ChangingPlays {
		return false, rest && a.StorageClass == "SourceChanging"
	}
	return source, rest
}

// unread refuses to work on a source that cannot be read.
func (s *Server) unread(a *Asset, now time.Time) *fault {
	if source, _ := s.readable(a, now); !source || a.changing() {
		return refuse(400, "Forbidden.IllegalStatus", "Status of the video is illegal.")
	}
	return nil
}

// fixed says that an asset's files must not be deleted now.
func (s *Server) fixed(a *Asset) bool { return a.changing() && !s.opt.ChangingDeletes }

// restoreOf is what answers say of an asset's last restore; when it ends is not known
// while it is under way.
func (s *Server) restoreOf(a *Asset) (status string, ends time.Time) {
	switch {
	case a.RestoreStatus == "Processing":
		return a.RestoreStatus, time.Time{}
	case a.RestoreStatus == "Success" && s.opt.RestoreForgotten && !a.thawed(s.opt.Now()):
		return "", time.Time{}
	}
	return a.RestoreStatus, a.RestoreExpiration
}

// barred is one media that an operation on several does not touch.
type barred struct {
	MediaID string `json:"MediaId"`
	Reason  string
}

// sorted are the media of a call on storage: those to work on, those it ignores, and those
// that it refuses.
type sorted struct {
	take    []*Asset
	ignored []string
	refused []barred
}

// sameAlready is why there is nothing to do for an asset.
const sameAlready = "SameStorageClass"

// sortMedia divides ids; judge says why one is refused, "" takes it. The values of a reason
// are not documented.
func (s *Server) sortMedia(c *call, ids []string, judge func(*Asset) string) sorted {
	out := sorted{ignored: []string{}, refused: []barred{}}
	for _, id := range ids {
		a, no := s.video(c, id)
		var reason string
		switch {
		case no == forbidden:
			reason = "Forbidden"
		case no != nil:
			reason = "MediaNotFound"
		case a.Status == "Uploading" || a.changing() || a.Becoming != "" || a.RestoreStatus == "Processing":
			reason = "IllegalStatus"
		default:
			reason = judge(a)
		}
		ignored := sameAlready
		if s.opt.IgnoredUnknown {
			ignored = "MediaNotFound"
		}
		switch reason {
		case "":
			out.take = append(out.take, a)
		case ignored:
			out.ignored = append(out.ignored, id)
		default:
			out.refused = append(out.refused, barred{id, reason})
		}
	}
	return out
}

func (o sorted) answer() reply {
	return reply{"IgnoredList": map[string]any{"MediaId": o.ignored}, "ForbiddenList": map[string]any{"MediaForbiddenReasonDTO": o.refused}}
}

// untiered refuses what the region does not offer. The code is not documented.
func (s *Server) untiered() *fault {
	if slices.Contains(tiered, s.opt.Region) {
		return nil
	}
	return refuse(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
}

func updateMediaStorageClass(s *Server, c *call) (any, *fault) {
	if refused := s.untiered(); refused != nil {
		return nil, refused
	}
	class, scope := c.choice("StorageClass"), c.choice("Scope")
	goal, during := class, "Changing"
	if scope == "SourceFile" {
		during = "SourceChanging"
		if class != "Standard" {
			goal = "Source" + class
		}
	}
	out := reply{}
	return out, s.write(c.now, func(ch *change) *fault {
		media := s.sortMedia(c, c.list("MediaIds"), func(a *Asset) string {
			switch {
			case a.storageClass() == goal:
				return sameAlready
			case c.choice("AllowUpdateWithoutTimeLimit") != "true" && s.early(a, goal, ch.now):
				return "StorageDurationNotReached"
			}
			return ""
		})
		for _, a := range media.take {
			b, t := a.edit(ch.now), a.tier()
			t.From, t.Due = a.storageClass(), ch.now.Add(s.opt.ClassDelay)
			if from, _ := partClasses(t.From); from >= classFrozen && !a.thawed(ch.now) {
				t.Due = t.Due.Add(s.restoring(from, c.choice("RestoreTier")))
			}
			b.StorageClass, b.Becoming, b.Tier = during, goal, &t
			ch.put(b)
		}
		maps.Copy(out, media.answer())
		out["Status"] = "Processing"
		if len(media.take) == 0 && len(media.refused) > 0 {
			out["Status"] = "Failed"
		}
		return nil
	})
}

func restoreMedia(s *Server, c *call) (any, *fault) {
	if refused := s.untiered(); refused != nil {
		return nil, refused
	}
	days, onlySource := c.number("RestoreDays"), c.choice("Scope") == "SourceFile"
	covers := func(a *Asset) bool { // a restore that holds
		return a.thawed(c.now) && (onlySource || !a.tier().Source || strings.HasPrefix(a.StorageClass, "Source"))
	}
	out := reply{}
	return out, s.write(c.now, func(ch *change) *fault {
		media := s.sortMedia(c, c.list("MediaIds"), func(a *Asset) string {
			if class, _ := partClasses(a.storageClass()); class < classFrozen || covers(a) && !s.opt.RestoreExtends {
				return sameAlready
			}
			return ""
		})
		for _, a := range media.take {
			if class, _ := partClasses(a.storageClass()); days > 7 && class != classCold {
				return invalidParam("RestoreDays")
			}
		}
		for _, a := range media.take {
			b, t := a.edit(ch.now), a.tier()
			t.Days, t.Due = days, ch.now
			if class, _ := partClasses(a.storageClass()); !covers(a) {
				t.Source, t.Due = onlySource, ch.now.Add(s.restoring(class, c.choice("RestoreTier")))
				b.RestoreExpiration, t.Replica = time.Time{}, false
			}
			b.RestoreStatus, b.Tier = "Processing", &t
			ch.put(b)
		}
		maps.Copy(out, media.answer())
		out["Success"] = len(media.take) > 0 || len(media.refused) == 0
		return nil
	})
}

// restoring is how long a restore takes. The documentation gives bounds for Cold Archive:
// one, five and twelve hours.
func (s *Server) restoring(class int, tier string) time.Duration {
	if class != classCold {
		return s.opt.RestoreDelay
	}
	return s.opt.RestoreDelay * map[string]time.Duration{"Expedited": 1, "Standard": 5, "Bulk": 12}[tier]
}

// lateFault is why what was asked of an asset's storage fails in the end: a fault that a
// test wants, or a source that is gone.
func (ch *change) lateFault(a *Asset, op string, source bool) (code, message string) {
	f := ch.s.opt.Fault.For("later:"+op, "", a.ID)
	code, message = f.Code, f.Message
	if f.Reset {
		code = "InternalError"
	}
	if code == "" && source && a.Source != nil && a.Source.Status == "Deleted" {
		code = "NoSuchKey"
	}
	if code == "NoSuchKey" {
		message = "OSS bucket or object does not exist"
	}
	return code, message
}

// moved ends what is under way in an asset's storage.
func (ch *change) moved(a *Asset) {
	switch {
	case a.Becoming != "":
		ch.reclassed(a)
	case a.RestoreStatus == "Processing":
		ch.restored(a)
	default: // the copy of a restored Cold Archive goes
		b, t := *a, a.tier()
		t.Replica = false
		b.Tier = &t
		ch.put(&b)
	}
}

// reclassed ends a change of class.
func (ch *change) reclassed(a *Asset) {
	b, t := a.edit(ch.now), a.tier()
	source := a.StorageClass == "SourceChanging"
	note := map[string]any{"Status": "Success", "MediaId": b.ID, "Scope": "All", "StorageClass": strings.TrimPrefix(a.Becoming, "Source"), "TriggerBy": "API"}
	if source {
		note["Scope"] = "SourceFile"
	}
	b.StorageClass, b.Becoming = a.Becoming, ""
	if code, message := ch.lateFault(a, "UpdateMediaStorageClass", source); code != "" {
		note["Status"], note["ErrorCode"], note["ErrorMessage"] = "Failed", code, message
		b.StorageClass = a.settled()
		t.From, t.Due = "", time.Time{}
	} else {
		b.RestoreStatus, b.RestoreExpiration = "", time.Time{}
		t = Tier{Since: ch.now, Rest: ch.now}
		cs, cr := partClasses(a.settled())
		if source, rest := partClasses(b.StorageClass); source == cs { // it stays where it was
			t.Since = a.tier().Since
		} else if rest == cr {
			t.Rest = a.tier().Rest
		}
		ch.s.lib.bill.moved(a.full(), b, ch.now)
	}
	b.Tier = &t
	ch.put(b)
	ch.tell(b, ch.s.note(b, "UpdateMediaStorageClassComplete", ch.now, note))
}

// restored ends a restore.
func (ch *change) restored(a *Asset) {
	b, t := a.edit(ch.now), a.tier()
	note := map[string]any{"Status": "Success", "MediaId": b.ID}
	class, _ := partClasses(a.storageClass())
	if code, message := ch.lateFault(a, "RestoreMedia", t.Source); code != "" {
		note["Status"], note["ErrorCode"], note["ErrorMessage"] = "Failed", code, message
		b.RestoreStatus, b.RestoreExpiration, t.Replica = "Failed", time.Time{}, false
	} else {
		b.RestoreStatus, b.RestoreExpiration, t.Replica = "Success", ch.now.Add(time.Duration(t.Days)*24*time.Hour), class == classCold
		note["RestoreExpiration"] = stamp(b.RestoreExpiration)
		ch.s.lib.bill.restored(a.full(), ch.now)
	}
	t.Days, t.Due = 0, time.Time{}
	b.Tier = &t
	ch.put(b)
	ch.tell(b, ch.s.note(b, "RestoreMediaComplete", ch.now, note))
}

// SetClass puts an asset into a class, as if it had been there since a time; zero: now.
// Nothing is charged or told for it. It is false when there is no such video or audio.
func (s *Server) SetClass(id, class string, since time.Time) bool {
	found := false
	refused := s.write(s.opt.Now(), func(ch *change) *fault {
		a := s.lib.assets[id]
		if a == nil || a.Kind == "image" || a.Kind == "attached" {
			return nil
		}
		found, ch.seeded = true, true
		b := *a
		b.StorageClass, b.Becoming, b.RestoreStatus, b.RestoreExpiration = class, "", "", time.Time{}
		at := cmp.Or(since.UTC().Truncate(time.Second), ch.now)
		b.Tier = &Tier{Since: at, Rest: at, Set: ch.now}
		ch.put(&b)
		return nil
	})
	return found && refused == nil
}

// StorageClasses lists the classes that an asset may be in when nothing changes it.
func StorageClasses() []string {
	return []string{"Standard", "IA", "Archive", "ColdArchive", "SourceIA", "SourceArchive", "SourceColdArchive"}
}
