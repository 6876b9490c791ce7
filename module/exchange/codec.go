package exchange

import (
	"github.com/phpworker/caddy-php-worker/goridge"
	"github.com/phpworker/caddy-php-worker/module/httpctx"
)

// Codec is an encoding of the context of frames. Codecs are equal if they are the same.
type Codec interface {
	// Append appends the context of a request.
	Append(dst []byte, r *httpctx.Request) []byte
	// Decode reads the context of an answer into an empty head, which may refer to it then.
	Decode(head *httpctx.Response, context []byte) error
	// Flags name the codec in the header of a frame.
	Flags() goridge.Flags
}

// The codecs of RoadRunner's packages. Every generation understands JSON.
var (
	JSON  Codec = jsonCodec{}
	Proto Codec = protoCodec{}
)

// CodecNamed returns the codec of that name, json or proto, nil if there is none.
func CodecNamed(name string) Codec {
	switch name {
	case "json":
		return JSON
	case "proto":
		return Proto
	}
	return nil
}

// codecOf is the codec that a frame names. Workers before roadrunner-worker 3.6 name none
// and mean JSON.
func codecOf(f *goridge.Frame) Codec {
	if f.Flags.Codec() == goridge.CodecProto {
		return Proto
	}
	return JSON
}

type jsonCodec struct{}

func (jsonCodec) Append(dst []byte, r *httpctx.Request) []byte {
	return httpctx.AppendJSON(dst, r)
}
func (jsonCodec) Decode(head *httpctx.Response, context []byte) error {
	return head.DecodeJSON(context)
}
func (jsonCodec) Flags() goridge.Flags { return goridge.CodecJSON }

type protoCodec struct{}

func (protoCodec) Append(dst []byte, r *httpctx.Request) []byte {
	return httpctx.AppendProto(dst, r)
}
func (protoCodec) Decode(head *httpctx.Response, context []byte) error {
	return head.DecodeProto(context)
}
func (protoCodec) Flags() goridge.Flags { return goridge.CodecProto }
