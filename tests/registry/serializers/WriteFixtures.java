import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.TextFormat;
import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import io.apicurio.registry.serde.protobuf.ProtobufKafkaSerializer;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Writes what Java's serializers make of one event: `java -cp 'lib/*' WriteFixtures.java URL DIR`,
 * URL being that of an empty Apicurio Registry 3, for example http://127.0.0.1:8080.
 */
class WriteFixtures {
    static final String AVRO = """
        {"type":"record","name":"Event","namespace":"shop","fields":[
        {"name":"ClientID","type":"long"},
        {"name":"Kind","type":{"type":"enum","name":"Kind","symbols":["m","d"]}},
        {"name":"Price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"Timestamp","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"Data","type":{"type":"record","name":"Data","fields":[
        {"name":"Errors","type":["null","int"]}]}},
        {"name":"Tags","type":{"type":"map","values":"string"}}]}""";
    static final String PROTO = """
        name: "event.proto" package: "shop" syntax: "proto3"
        message_type { name: "Other" field { name: "x" number: 1 type: TYPE_INT64 } }
        message_type { name: "Event"
          field { name: "ClientID" number: 1 type: TYPE_INT64 }
          field { name: "Kind" number: 2 type: TYPE_STRING }
          field { name: "Timestamp" number: 3 type: TYPE_SINT64 } }""";

    static final ObjectMapper JSON = new ObjectMapper();
    static final ObjectNode FIXTURES = JSON.createObjectNode();

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0] + "/apis/registry/v2";
        GenericRecord event = event();
        DynamicMessage message = message();
        for (String form : new String[] {"global id", "four bytes", "headers"}) {
            Map<String, Object> settings = new HashMap<>();
            settings.put("apicurio.registry.url", url);
            settings.put("apicurio.registry.auto-register", true);
            settings.put("apicurio.registry.headers.enabled", form.equals("headers"));
            if (form.equals("four bytes")) {
                settings.put("apicurio.registry.as-confluent", true);
                settings.put("apicurio.registry.use-id", "contentId");
            }
            write("avro, " + form, new AvroKafkaSerializer<GenericRecord>(), settings, event);
            write("protobuf, " + form, new ProtobufKafkaSerializer<DynamicMessage>(), settings, message);
        }
        var encoder = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), event.getSchema());
        add("avro, single object", HexFormat.of().formatHex(encoder.encode(event).array()));
        for (String codec : new String[] {"null", "deflate", "snappy"}) {
            var bytes = new ByteArrayOutputStream();
            try (var file = new DataFileWriter<>(new GenericDatumWriter<GenericRecord>())) {
                file.setCodec(CodecFactory.fromString(codec));
                file.create(event.getSchema(), bytes);
                file.append(event);
                file.append(event);
            }
            add("avro file, " + codec, HexFormat.of().formatHex(bytes.toByteArray()));
        }
        Path target = Path.of(arguments[1], "java.json");
        JSON.writerWithDefaultPrettyPrinter().writeValue(target.toFile(), FIXTURES);
        Files.writeString(target, "\n", java.nio.file.StandardOpenOption.APPEND);
    }

    static GenericRecord event() {
        Schema schema = new Schema.Parser().parse(AVRO);
        GenericRecord data = new GenericData.Record(schema.getField("Data").schema());
        data.put("Errors", 2);
        GenericRecord event = new GenericData.Record(schema);
        event.put("ClientID", 7L);
        event.put("Kind", new GenericData.EnumSymbol(schema.getField("Kind").schema(), "d"));
        event.put("Price", java.nio.ByteBuffer.wrap(new java.math.BigInteger("-1234").toByteArray()));
        event.put("Timestamp", 1545230000123L);
        event.put("Data", data);
        event.put("Tags", Map.of("a", "b"));
        return event;
    }

    static DynamicMessage message() throws Exception {
        FileDescriptorProto.Builder file = FileDescriptorProto.newBuilder();
        TextFormat.merge(PROTO, file);
        FileDescriptor built = FileDescriptor.buildFrom(file.build(), new FileDescriptor[0]);
        Descriptor type = built.findMessageTypeByName("Event");
        return DynamicMessage.newBuilder(type)
            .setField(type.findFieldByName("ClientID"), 7L)
            .setField(type.findFieldByName("Kind"), "d")
            .setField(type.findFieldByName("Timestamp"), 1545230000123L)
            .build();
    }

    static <T> void write(String name, Serializer<T> serializer, Map<String, Object> settings, T value) {
        String topic = name.startsWith("avro") ? "java-avro" : "java-protobuf";
        RecordHeaders headers = new RecordHeaders();
        serializer.configure(settings, false);
        ObjectNode fixture = add(name, HexFormat.of().formatHex(serializer.serialize(topic, headers, value)));
        ObjectNode found = fixture.putObject("headers");
        headers.forEach(header -> found.put(header.key(), HexFormat.of().formatHex(header.value())));
    }

    static ObjectNode add(String name, String value) {
        return FIXTURES.putObject(name).put("value", value);
    }
}
