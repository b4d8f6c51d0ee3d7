package doctor

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"vodcurator/shared/video"
	"vodcurator/shared/vod"
)

// CallbackEvents are the notifications that autotag and the ledger act on. Everything else
// stays off: each notification costs an invocation.
var CallbackEvents = []string{
	"FileUploadComplete", "UploadByURLComplete", "VideoAnalysisComplete", "TranscodeComplete", "ImageUploadComplete",
	"AddLiveRecordVideoComplete", "AIComplete", "DeleteMediaComplete", "MediaBaseChangeComplete",
}

// reachVOD asks for one asset.
func reachVOD(ctx context.Context, p *Patient) []Finding {
	region, endpoint := p.App.Scope.Region, p.App.VODEndpoint
	if other := regionOf(endpoint, "vod."); other != "" && other != region {
		return []Finding{fault("set ALIBABA_CLOUD_REGION and VOD_ENDPOINT to one region, or leave VOD_ENDPOINT out", "VOD_ENDPOINT is of region %s, ALIBABA_CLOUD_REGION is %s", other, region)}
	}
	some := false
	for _, err := range p.App.VOD.Search(ctx, video.Query{Kind: video.KindVideo}) {
		switch {
		case errors.Is(err, video.ErrForbidden):
			return []Finding{unasked(err, "")}
		case err != nil:
			return []Finding{fault("check ALIBABA_CLOUD_REGION, VOD_ENDPOINT and the network", "does not answer: %v", err)}
		}
		some = true
		break
	}
	if !some {
		return []Finding{doubt("if there should be some, ALIBABA_CLOUD_REGION or APP_ID is not that of the library", "no video in %s", p.App.Scope)}
	}
	return []Finding{ok("answers for %s", p.App.Scope)}
}

// regionOf is the region in a public host name, empty for another host.
func regionOf(endpoint, prefix string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	rest, ok := strings.CutSuffix(u.Hostname(), ".aliyuncs.com")
	if _, after, found := strings.Cut("."+rest, "."+prefix); ok && found {
		return after
	}
	return ""
}

func callback(ctx context.Context, p *Patient) []Finding {
	c, err := p.callback.get(ctx)
	if err != nil {
		return []Finding{unasked(err, "")}
	}
	if c.Type == "" {
		return []Finding{doubt("the sweep finds uploads within the hour; vodctl help adoption says when to set a callback", "none is set")}
	}
	if c.Off {
		return []Finding{fault("SetMessageCallback with the EventTypeList that vodctl setup --plan prints", "set, with all events switched off")}
	}
	found := []Finding{}
	if c.Type == "HTTP" {
		found = append(found, p.signedCallback(ctx, c))
	} else {
		found = append(found, p.queueCallback(c))
	}
	var missing []string
	for _, e := range CallbackEvents {
		if !slices.Contains(c.Events, "ALL") && !slices.Contains(c.Events, e) {
			missing = append(missing, e)
		}
	}
	if len(missing) > 0 {
		found = append(found, doubt("add them to the setting's EventTypeList", "not announced: %s", few(missing)).of("events"))
	}
	return found
}

// signedCallback says whether the deployed function takes what VOD signs.
func (p *Patient) signedCallback(ctx context.Context, c vod.Callback) Finding {
	keys, wanted, whose := p.App.CallbackKeys, p.App.CallbackURL, "CALLBACK_KEYS here"
	for _, f := range p.Manifest.Functions {
		if _, has := f.Env["CALLBACK_KEYS"]; !has {
			continue
		}
		if is, err := p.deployed[f.Name].get(ctx); err == nil {
			keys, wanted, whose = nil, is.Env["CALLBACK_URL"], "CALLBACK_KEYS of function "+f.Name
			for key := range strings.SplitSeq(is.Env["CALLBACK_KEYS"], ",") {
				keys = append(keys, vod.Secret(strings.TrimSpace(key)))
			}
		}
	}
	known := slices.ContainsFunc(keys, func(k vod.Secret) bool {
		return k != "" && subtle.ConstantTimeCompare([]byte(k.Reveal()), []byte(c.Key.Reveal())) == 1
	})
	switch {
	case wanted == "" && len(keys) == 0:
		return doubt("if it is another program's, VOD's queue callback cannot be had too: vodctl help adoption", "HTTP, to an address that is not ours: no CALLBACK_URL is set")
	case c.URL != wanted:
		return fault("VOD signs its own text: write CALLBACK_URL exactly as VOD has it", "HTTP, to %s; CALLBACK_URL is %s", plainURL(c.URL), plainURL(wanted))
	case c.Key == "":
		return fault("switch authentication on in VOD, with a key of CALLBACK_KEYS", "HTTP, not signed: every callback is refused")
	case !known:
		return fault("vodctl help keys: VOD's key must be among them, or every callback is refused with 403", "HTTP, signed with a key that is not in %s", whose)
	}
	return ok("HTTP, to CALLBACK_URL, signed with a key of %s", whose)
}

// plainURL leaves out what may be a secret.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		return fmt.Sprintf("%q", video.Visible(text))
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func (p *Patient) queueCallback(c vod.Callback) Finding {
	want := p.noticeQueue()
	scope := p.App.Scope
	host := scope.Account + ".mns." + scope.Region + ".aliyuncs.com"
	u, err := url.Parse(c.Endpoint)
	switch {
	case c.Queue != want:
		return fault("set MnsQueueName to "+want+", or NOTICE_QUEUE to what VOD has", "MNS, into queue %s; NOTICE_QUEUE is %s", c.Queue, want)
	case err != nil || !strings.EqualFold(u.Hostname(), host):
		return fault("set MnsEndpoint to https://"+host+"/", "MNS, into queue %s at %s, which is not this account's and region's", c.Queue, plainURL(c.Endpoint))
	}
	return ok("MNS, into queue %s", c.Queue)
}
