package retention

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"vodcurator/shared/video"
)

// Presence says whether an item is in the library, as far as the library tells.
type Presence int

// The presences. Untold is the zero value: what nobody told is not known.
const (
	Untold Presence = iota
	Present
	Absent
)

// Found is what a read right before the call says of one item of a plan.
type Found struct {
	Item     Item // as it was planned
	Presence Presence
	Unsure   bool   // a call of another plan, whose outcome nobody knows, may have removed it
	Judged   bool   // Keep was asked; false: only the presence was
	Keep     string // why the item stays; empty: it may go
	Err      error  // what the library answered in place of the asset; nil: it told of it
}

// Fresh is what a recheck knows of one asset besides its plan.
type Fresh struct {
	Answer  video.Answer[video.Media]
	Inputs  Inputs
	Touched time.Time // until when our own calls may have modified the asset
	// Called says that a call of this plan may have removed a stream or the source; nil: none.
	Called func(Kind, string) bool
	App    string // the application that the asset must be of; empty: any
	// Left says why nothing may go out of a group of the newest; empty: it may. Told is
	// false when the plan does not say what stays of it.
	Left func(Group) (why string, told bool)
	// Quota says why a quota may not take an item any more; empty: it may.
	Quota func(Item) string
}

// Look says whether an item is in the library. The library tells only the covers among
// images, so whether those of a type are gone is known from their asset's end or from a
// call; and streams that it did not list are not known to be gone.
func Look(item Item, a video.Answer[video.Media]) Found {
	f := Found{Item: item, Err: a.Err}
	present := func(there bool) {
		if f.Presence = Absent; there {
			f.Presence = Present
		}
	}
	switch {
	case errors.Is(a.Err, video.ErrNotFound):
		f.Presence = Absent
	case a.Err != nil:
	case item.Kind == Whole:
		f.Presence = Present
	case item.Kind == Move:
		f.Presence = moved(item, a.Value)
	case item.Kind == Stream && a.Value.Streams != nil:
		present(slices.ContainsFunc(a.Value.Streams, func(s video.Stream) bool { return s.Job == item.Part }))
	case item.Kind == Source && a.Value.Source != nil:
		present(!a.Value.Source.Gone())
	}
	return f
}

// Recheck compares what a plan saw of an asset with what is there now, and says of each
// of its items whether it is there and why it stays. Nothing that changed since the
// plan goes, nor what its own rule or quota takes no more.
func (p *Policy) Recheck(planned Verdict, fresh Fresh) []Found {
	found := make([]Found, len(planned.Items))
	for i, item := range planned.Items {
		found[i] = Look(item, fresh.Answer)
	}
	if fresh.Answer.Err != nil {
		return found
	}
	now := p.Judge(fresh.Answer.Value, fresh.Inputs)
	whole := changed(planned, now, fresh)
	for i := range found {
		found[i].Judged = true
		found[i].Keep = stays(found[i].Item, now, whole, fresh)
	}
	return found
}

// changed says why the asset as a whole is not what the plan saw, or stands for others
// that are not; empty: it is.
func changed(planned, now Verdict, fresh Fresh) string {
	m := fresh.Answer.Value
	switch {
	case m.ID != planned.ID:
		return fmt.Sprintf("asked about %s, got an answer about %s", planned.ID, m.ID)
	case planned.Seen == "" || Seen(m) != planned.Seen:
		return "changed since the plan"
	}
	if why := cmp.Or(modifiedSince(planned, m, fresh), ofOther(m.App, fresh.App)); why != "" {
		return why
	}
	return displaced(planned, now, fresh)
}

// modifiedSince says that somebody else has modified the asset since the plan.
func modifiedSince(planned Verdict, m video.Media, fresh Fresh) string {
	own := fresh.Touched
	if slices.ContainsFunc(planned.Items, func(i Item) bool { return i.Kind == Whole }) {
		own = time.Time{} // a call for the whole removes it or changes nothing
	}
	switch {
	case m.Modified.IsZero() && !planned.Modified.IsZero():
		return "the library does not tell any more when it was modified"
	case m.Modified.Equal(planned.Modified):
		return ""
	case m.Modified.After(own):
		return "modified " + m.Modified.Format(time.RFC3339) + ", after the plan"
	case !ours(planned.Parts, prints(m), fresh.Called):
		return "modified " + m.Modified.Format(time.RFC3339) + ", after the plan: a stream or the source is not what the plan saw"
	}
	return ""
}

// ofOther says that an asset is not of the application that it must be of.
func ofOther(app, must string) string {
	switch {
	case must == "" || app == must:
		return ""
	case app == "":
		return "the library does not tell its application"
	}
	return fmt.Sprintf("it is of application %q", app)
}

// displaced says that what the plan keeps in the asset's place, as the newest of its
// groups, is not known to stay.
func displaced(planned, now Verdict, fresh Fresh) string {
	for _, g := range now.Newest {
		why, told := "", false
		if fresh.Left != nil {
			why, told = fresh.Left(g)
		}
		if !told || !slices.Contains(planned.Newest, g) {
			return "the plan does not tell what stays as the newest in its place"
		}
		if why != "" {
			return why
		}
	}
	return ""
}

// ours says that the parts of an asset are those that the plan saw, but for what its own
// calls removed: then those calls, and nobody else, may have modified the asset.
func ours(planned, now map[string]string, called func(Kind, string) bool) bool {
	for part, seen := range now {
		if planned[part] != seen || seen == "" {
			return false
		}
	}
	for part := range planned {
		kind, name := Stream, part
		if part == sourcePart {
			kind, name = Source, ""
		}
		if _, there := now[part]; !there && (called == nil || !called(kind, name)) {
			return false
		}
	}
	return true
}

// stays says why one item stays; empty: it may go.
func stays(item Item, now Verdict, whole string, fresh Fresh) string {
	if whole != "" {
		return because(now, whole) // a hold is the better reason to tell when there is one
	}
	again, quota, still := find(now, item)
	switch {
	case !still:
		return because(now, "its rule takes it no more")
	case quota && fresh.Quota == nil:
		return "a quota takes nothing that nobody counted again"
	case quota && fresh.Quota(item) != "":
		return "a quota takes nothing by " + fresh.Quota(item)
	case again.Bytes != item.Bytes:
		return fmt.Sprintf("its size changed from %d to %d", item.Bytes, again.Bytes)
	}
	return ""
}

// find looks for an item among what the rule or quota that planned it takes of an asset
// now. Another one's word is for another plan.
func find(v Verdict, item Item) (again Item, quota, still bool) {
	for _, i := range v.Items {
		if i.Same(item) && i.Rule == item.Rule && i.To == item.To {
			return i, false, true
		}
	}
	for _, c := range v.Claims {
		if c.Old && c.Item.Same(item) && c.Item.Rule == item.Rule {
			return c.Item, true, true
		}
	}
	return Item{}, false, false
}

// because gives the hold that keeps an asset, or another reason with the last one that
// the policy has.
func because(v Verdict, otherwise string) string {
	if i := slices.IndexFunc(v.Keeps, func(k Keep) bool { return k.Why == Held }); i >= 0 {
		return v.Keeps[i].Reason
	}
	if len(v.Keeps) > 0 {
		return otherwise + ": " + v.Keeps[len(v.Keeps)-1].Reason
	}
	return otherwise
}
