package fakevod

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // signature v1 is defined with it
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vodcurator/shared/localcloud/acs"
)

// envelope is what the gateway needs of a request, whichever generation of the
// protocol it speaks.
type envelope struct {
	q                                          url.Values // query and body; the body wins, as in the text that is signed
	action, version, keyID, token, date, nonce string
	bearer                                     string // in place of a signature
	xml                                        bool   // the answer's format
	refused                                    *fault // what is wrong with it once the action is known
	verify                                     func(secret string) *fault
}

// open reads a request: signature v1, HMAC-SHA1 over the parameters, or the third
// version, ACS3-HMAC-SHA256 over headers, query and the body's hash.
func open(r *http.Request) (envelope, *fault) {
	e := envelope{q: url.Values{}}
	bad := refuse(400, "InvalidParameter", "The specified parameter is not valid.")
	if q, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		return e, bad
	} else if e.q = q; r.Method != http.MethodGet && r.Method != http.MethodPost {
		e.xml = inXML(e.q)
		return e, refuse(400, "UnsupportedHTTPMethod", "This http method is not supported.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return e, bad
	}
	more, ok := parameters(r.Header.Get("Content-Type"), body)
	maps.Copy(e.q, more)
	switch third := acs.Sent(r) && e.q.Get("Action") == ""; { // older clients name it in headers too
	case third:
		e.xml = strings.Contains(r.Header.Get("Accept"), "xml")
		e.third(r, body)
	default:
		e.xml = inXML(e.q)
		e.first(r.Method)
	}
	if !ok {
		return e, bad
	}
	for _, f := range []struct{ name, value string }{{"Action", e.action}, {"Version", e.version}} {
		if f.value == "" {
			return e, missingCommon(f.name)
		}
	}
	return e, nil
}

// inXML: XML is the documented default.
func inXML(q url.Values) bool {
	return q.Get("Format") == "" || strings.EqualFold(q.Get("Format"), "XML")
}

// parameters reads a body: a form, or a JSON object, whose values that are no text stay JSON.
func parameters(contentType string, body []byte) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(body) == 0:
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		return form, err == nil
	case kind == "application/json":
		var object map[string]json.RawMessage
		if err := json.Unmarshal(body, &object); err != nil {
			return nil, false
		}
		out := url.Values{}
		for name, raw := range object {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw)
			}
			out.Set(name, text)
		}
		return out, true
	}
	return nil, true
}

func missingCommon(name string) *fault {
	return refuse(400, "Missing"+name, name+" is mandatory for this action.")
}

func invalidCommon(name string) *fault {
	return refuse(400, "Invalid"+name, "Specified parameter "+name+" is not valid.")
}

// first is signature v1.
func (e *envelope) first(method string) {
	q := e.q
	e.action, e.version, e.keyID, e.token = q.Get("Action"), q.Get("Version"), q.Get("AccessKeyId"), q.Get("SecurityToken")
	e.date, e.nonce = q.Get("Timestamp"), q.Get("SignatureNonce")
	needed := []string{"AccessKeyId", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp", "Signature"}
	if q.Get("SignatureType") == "BEARERTOKEN" {
		needed = []string{"BearerToken", "SignatureNonce", "Timestamp"}
		e.bearer = q.Get("BearerToken")
	}
	for _, name := range needed {
		if q.Get(name) == "" {
			e.refused = missingCommon(name)
			return
		}
	}
	for name, takes := range map[string]string{"Format": "JSON XML", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureType": "BEARERTOKEN"} {
		v := q.Get(name)
		if name == "Format" {
			v = strings.ToUpper(v)
		}
		if v != "" && !slices.Contains(strings.Fields(takes), v) {
			e.refused = invalidCommon(name)
			return
		}
	}
	e.verify = func(secret string) *fault {
		text := stringToSign(method, q)
		h := hmac.New(sha1.New, []byte(secret+"&"))
		h.Write(text)
		if want := base64.StdEncoding.EncodeToString(h.Sum(nil)); !hmac.Equal([]byte(want), []byte(q.Get("Signature"))) {
			return refuse(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:"+string(text))
		}
		return nil
	}
}

// third is ACS3-HMAC-SHA256. Its own error words are not documented; v1's stand for them.
func (e *envelope) third(r *http.Request, body []byte) {
	sig, err := acs.Read(r, body)
	e.action, e.version, e.keyID, e.token, e.bearer, e.date, e.nonce = sig.Action, sig.Version, sig.KeyID, sig.Token, sig.Bearer, sig.Date, sig.Nonce
	var missing acs.Missing
	switch {
	case errors.As(err, &missing):
		e.refused = missingCommon(string(missing))
	case errors.Is(err, acs.ErrAlgorithm):
		e.refused = invalidCommon("SignatureMethod")
	case err != nil:
		e.refused = refuse(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	}
	e.verify = func(secret string) *fault {
		if ok, text := sig.Verify(secret); !ok {
			return refuse(400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server CanonicalRequest is ["+text+"].")
		}
		return nil
	}
}

// asXML writes a JSON object as the XML of the same answer: members become elements,
// and each of a list's an element of the list's name.
func asXML(root string, body []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil { // only our own JSON comes here
		panic(err)
	}
	var out bytes.Buffer
	out.WriteString("<?xml version='1.0' encoding='UTF-8'?>")
	writeXML(&out, root, v)
	return out.Bytes()
}

func writeXML(out *bytes.Buffer, name string, v any) {
	if list, ok := v.([]any); ok {
		for _, one := range list {
			writeXML(out, name, one)
		}
		return
	}
	out.WriteString("<" + name + ">")
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["RequestId"]; ok { // first, as in the samples
			writeXML(out, "RequestId", id)
			delete(v, "RequestId")
		}
		for _, member := range slices.Sorted(maps.Keys(v)) {
			writeXML(out, member, v[member])
		}
	case string:
		_ = xml.EscapeText(out, []byte(v)) // into memory
	case json.Number:
		out.WriteString(v.String())
	case bool:
		out.WriteString(map[bool]string{true: "true", false: "false"}[v])
	}
	out.WriteString("</" + name + ">")
}
