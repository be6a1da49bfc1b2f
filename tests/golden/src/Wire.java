import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.requests.RequestUtils;

/** One connection: encodes with Kafka's own message classes, keeps the bytes of both directions. */
final class Wire implements AutoCloseable {
    static final HexFormat HEX = HexFormat.of();
    private static final ObjectMapper JSON = new ObjectMapper();
    private final Socket socket;
    private int correlationId = 0;

    Wire(String bootstrap) throws IOException {
        int colon = bootstrap.lastIndexOf(':');
        socket = new Socket(bootstrap.substring(0, colon), Integer.parseInt(bootstrap.substring(colon + 1)));
        socket.setSoTimeout(20_000);
    }

    /** A request frame (size prefix included) and its answer; response is null when the broker closed instead. */
    record Exchange(ApiKeys key, short version, byte[] request, byte[] response) {
        /** The response body, decoded by Kafka. */
        ApiMessage body() {
            ByteBuffer buffer = ByteBuffer.wrap(response);
            buffer.position(4 + 4 + (key.responseHeaderVersion(version) >= 1 ? 1 : 0));
            ApiMessage message = key.messageType.newResponse();
            message.read(new ByteBufferAccessor(buffer), version);
            return message;
        }
    }

    Exchange call(ApiKeys key, int version, ApiMessage body) throws IOException {
        short v = (short) version;
        RequestHeaderData header = new RequestHeaderData()
            .setRequestApiKey(key.id).setRequestApiVersion(v).setCorrelationId(++correlationId).setClientId("golden");
        return exchange(key, v, RequestUtils.serialize(header, key.requestHeaderVersion(v), body, v));
    }

    Exchange exchange(ApiKeys key, short version, ByteBuffer request) throws IOException {
        byte[] frame = new byte[4 + request.remaining()];
        ByteBuffer.wrap(frame).putInt(request.remaining()).put(request);
        socket.getOutputStream().write(frame);
        try {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            int size = in.readInt();
            byte[] answer = new byte[4 + size];
            ByteBuffer.wrap(answer).putInt(size);
            in.readFully(answer, 4, size);
            return new Exchange(key, version, frame, answer);
        } catch (EOFException | SocketException closed) {
            return new Exchange(key, version, frame, null);
        }
    }

    static void record(PrintStream out, String name, Exchange e) throws IOException {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("api", e.key.id);
        line.put("name", e.key.name);
        line.put("version", e.version);
        line.put("case", name);
        line.put("request", HEX.formatHex(e.request));
        line.put("response", e.response == null ? null : HEX.formatHex(e.response));
        print(out, line);
    }

    static void print(PrintStream out, Object line) throws IOException {
        out.print(JSON.writeValueAsString(line));
        out.print('\n');
    }

    @Override public void close() throws IOException { socket.close(); }
}
