import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The records every e2e client writes and expects; the rules are explained in tests/e2e/python/records.py. */
final class Records {
    static final int PARTITIONS = 3;
    static final int COUNT = Integer.parseInt(setting("E2E_COUNT", "10000"));
    static final long T0 = Long.parseLong(setting("E2E_T0", "0"));
    static final String SHAPE = setting("E2E_SHAPE", "bdh");

    private Records() { }

    static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null ? otherwise : value;
    }

    static int countOf(int partition) { return (COUNT - partition + PARTITIONS - 1) / PARTITIONS; }

    static byte[] key(int p, int i) {
        if (i % 7 == 0) return null;
        return i % 7 == 1 ? new byte[0] : bytes("key-" + p + "-" + i);
    }

    static byte[] value(int p, int i) {
        if (i % 11 == 0) return i % 7 == 0 && !SHAPE.contains("b") ? new byte[0] : null;
        if (i % 11 == 1) return new byte[0];
        byte[] value = new byte[i * 37 % 200 + 1];
        for (int j = 0; j < value.length; j++) value[j] = (byte) (p * 7 + i + j * 31);
        return value;
    }

    /** Pairs of key and value; a null value is a null header. */
    static List<Object[]> headers(int p, int i) {
        List<Object[]> all = new ArrayList<>();
        if (i % 3 == 1) all.add(new Object[] {"trace", bytes(p + "/" + i)});
        if (i % 3 != 2) return all;
        all.add(new Object[] {"dup", bytes("a" + i)});
        all.add(new Object[] {"bin", new byte[] {0, -1, (byte) i}});
        all.add(new Object[] {SHAPE.contains("d") ? "dup" : "dup2", bytes("b")});
        all.add(new Object[] {"empty", new byte[0]});
        if (i % 2 == 1 && SHAPE.contains("h")) all.add(new Object[] {"null", null});
        return all;
    }

    static long timestamp(int p, int i) { return T0 + 3L * i + p; }

    static void compare(int p, long offset, byte[] key, byte[] value, List<Object[]> headers, long timestamp) {
        int i = (int) offset;
        List<Object[]> want = headers(p, i);
        boolean same = Arrays.equals(key, key(p, i)) && Arrays.equals(value, value(p, i)) && timestamp == timestamp(p, i)
            && want.size() == headers.size();
        for (int h = 0; same && h < want.size(); h++) {
            same = want.get(h)[0].equals(headers.get(h)[0]) && Arrays.equals((byte[]) want.get(h)[1], (byte[]) headers.get(h)[1]);
        }
        if (!same) {
            throw new AssertionError("partition " + p + " offset " + offset + ": got key " + Arrays.toString(key) + ", value " + Arrays.toString(value)
                + ", timestamp " + timestamp + ", headers " + Arrays.deepToString(headers.toArray()) + "; want key " + Arrays.toString(key(p, i))
                + ", value " + Arrays.toString(value(p, i)) + ", timestamp " + timestamp(p, i) + ", headers " + Arrays.deepToString(want.toArray()));
        }
    }

    private static byte[] bytes(String s) { return s.getBytes(StandardCharsets.UTF_8); }
}
