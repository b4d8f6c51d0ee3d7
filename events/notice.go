package events

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/video"
)

// The kinds of notification that are documented today (vod-events.md section 2).
// The list grows; DecodeNotice takes others too.
const (
	FileUploadComplete              = "FileUploadComplete"
	ImageUploadComplete             = "ImageUploadComplete"
	AttachedMediaUploadComplete     = "AttachedMediaUploadComplete"
	UploadByURLComplete             = "UploadByURLComplete"
	VideoAnalysisComplete           = "VideoAnalysisComplete"
	SnapshotComplete                = "SnapshotComplete"
	DynamicImageComplete            = "DynamicImageComplete"
	StreamTranscodeComplete         = "StreamTranscodeComplete"
	TranscodeComplete               = "TranscodeComplete"
	AddLiveRecordVideoComplete      = "AddLiveRecordVideoComplete"
	LiveRecordVideoComposeStart     = "LiveRecordVideoComposeStart"
	CreateAuditComplete             = "CreateAuditComplete"
	AIMediaAuditComplete            = "AIMediaAuditComplete"
	AIVideoTagComplete              = "AIVideoTagComplete"
	AIMediaDNAComplete              = "AIMediaDNAComplete"
	ProduceMediaComplete            = "ProduceMediaComplete"
	DeleteMediaComplete             = "DeleteMediaComplete"
	MediaBaseChangeComplete         = "MediaBaseChangeComplete"
	UpdateMediaStorageClassComplete = "UpdateMediaStorageClassComplete"
	RestoreMediaComplete            = "RestoreMediaComplete"
	SubmitMediaRefreshComplete      = "SubmitMediaRefreshComplete"
	WorkflowTaskComplete            = "WorkflowTaskComplete"
)

// KindAttached is the MediaKind of watermarks, subtitles and other material.
const KindAttached video.Kind = "attached"

// Status is how the work that a notification tells of ended.
type Status string

// The statuses. The provider has three vocabularies for them; Unknown is a missing
// or new word, which is neither success nor failure.
const (
	StatusUnknown Status = ""
	StatusOK      Status = "ok"
	StatusFailed  Status = "failed"
)

// Notice is one notification of VOD: what all kinds share, and in Detail what a
// kind adds. ID may be empty where the provider does not say it: a failed upload by
// URL, an old form of SnapshotComplete. There is no id of the event itself.
type Notice struct {
	Kind      string // the EventType; one we do not know is kept as it is
	ID        video.ID
	MediaKind video.Kind // video stands for audio too
	At        time.Time  // zero: not said, or not readable
	Status    Status
	Job       string
	Code      string // of a failure
	Message   string // of a failure, in the provider's words
	Extend    string // what was passed through by whoever asked for the work
	App       string
	Detail    any             // one of the types of detail.go by kind; nil: nothing to add, or not readable
	Raw       json.RawMessage // the notification itself
}

// OK says that the notification tells of a success.
func (n Notice) OK() bool { return n.Status == StatusOK }

// NeedsTags says that a media may need tags after it. StreamTranscodeComplete is not such a
// kind: TranscodeComplete follows it.
func (n Notice) NeedsTags() bool {
	switch n.Kind {
	case FileUploadComplete, UploadByURLComplete, VideoAnalysisComplete, TranscodeComplete,
		ImageUploadComplete, AddLiveRecordVideoComplete, AIVideoTagComplete:
		return true
	}
	return false
}

// Change is what it says that somebody has changed about a media; empty: nothing.
func (n Notice) Change() (u video.Update) {
	if change, ok := n.Detail.(BaseChange); ok && change.Mode == "update" && n.ID != "" {
		u = change.Update(n.ID)
		u.Kind = n.MediaKind
	}
	return u
}

// Gone says that a whole video was deleted.
func (n Notice) Gone() bool {
	deleted, ok := n.Detail.(Deleted)
	return ok && deleted.Type == "all" && n.OK() && n.MediaKind != video.KindImage
}

// ForQueue is the notification as a queue message: as it came, or, where it is too long for
// that, without what its kind adds. The media is read again anyway.
func (n Notice) ForQueue() ([]byte, error) {
	if len(n.Raw) <= MaxMessage {
		return n.Raw, nil
	}
	status := "success"
	if n.Status == StatusFailed {
		status = "fail"
	}
	return json.Marshal(map[string]string{
		"EventType": n.Kind, "MediaId": string(n.ID), "MediaType": string(n.MediaKind), "Status": status,
		"EventTime": n.At.UTC().Format(time.RFC3339), "AppId": n.App,
	})
}

// OfApp leaves out what VOD tells of other applications; none: it leaves out nothing. What
// does not say whose it is stays: the media is asked, before anything is done about it.
func OfApp(notices []Notice, app string) []Notice {
	if app == "" {
		return notices
	}
	var own []Notice
	for _, n := range notices {
		if n.App == "" || n.App == app {
			own = append(own, n)
		}
	}
	return own
}

// DecodeNotice reads a notification, from a callback's body or a queue message.
// A kind we do not know is no error: everything but Detail is filled. Bytes that
// are no JSON object, have no EventType or an id that cannot be one are an error,
// and every error wraps ErrMalformed.
func DecodeNotice(body []byte) (Notice, error) {
	if len(body) > MaxBody {
		return Notice{}, tooLarge("notification", len(body))
	}
	o, err := parse(unmarked(body))
	if err != nil {
		return Notice{}, malformed("notification", "%w", err)
	}
	n := Notice{
		Kind:    o.word("eventtype"),
		At:      o.time("eventtime"),
		Status:  status(o),
		Job:     o.word("jobid"),
		Code:    o.word("errorcode"),
		Message: o.word("errormessage"),
		Extend:  o.text("extend"),
		App:     o.word("appid"),
		Raw:     slices.Clone(body),
	}
	if n.Kind == "" {
		return Notice{}, malformed("notification", "no EventType")
	}
	n.ID, n.MediaKind = subject(o)
	if !plausible(n.ID) {
		return Notice{}, malformed("notification", "the id of a %s is %q", clip(n.Kind), clip(string(n.ID)))
	}
	if n.Job == "" {
		n.Job = o.word("mediarefreshjobid")
	}
	if n.Code == "" && n.Status != StatusOK { // AI kinds: 0 and OK stand for success
		n.Code, n.Message = o.word("code"), o.word("message")
	}
	if read, ok := details[n.Kind]; ok {
		n.Detail = read(o)
	}
	return n, nil
}

func status(o object) Status {
	switch strings.ToLower(o.word("status")) {
	case "success", "succeed":
		return StatusOK
	case "fail", "failed":
		return StatusFailed
	}
	return StatusUnknown
}

func subject(o object) (video.ID, video.Kind) {
	for _, s := range []struct {
		key  string
		kind video.Kind
	}{{"videoid", video.KindVideo}, {"mediaid", video.KindVideo}, {"imageid", video.KindImage}, {"attachedmediaid", KindAttached}} {
		if id := o.word(s.key); id != "" {
			if kind := strings.ToLower(o.word("mediatype")); kind != "" {
				s.kind = video.Kind(kind)
			}
			return video.ID(id), s.kind
		}
	}
	return "", ""
}

// plausible keeps an id from becoming two in a call that takes a comma-separated
// list, or a line of its own in a log. Nothing else about ids is known for sure.
func plausible(id video.ID) bool {
	return len(id) <= 64 && strings.IndexFunc(string(id), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

// clip keeps a stranger's text from filling a log.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
