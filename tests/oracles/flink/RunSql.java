import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/**
 * Runs the statements of files, each file's for itself and all at once. Arguments: the files; the
 * first argument is "plan" where queries are only to be planned, else "run", and rows are printed.
 */
public class RunSql {
    public static void main(String[] args) throws Exception {
        for (int i = 1; i < args.length; i++) {
            String[] statements = Files.readString(Path.of(args[i])).split(";\\s*\n");
            if (args[0].equals("plan")) {
                run(statements, false);
            } else {
                new Thread(() -> run(statements, true)).start();
            }
        }
    }

    private static void run(String[] statements, boolean rows) {
        Configuration configuration = new Configuration();
        configuration.setString("parallelism.default", "1");
        configuration.setString("pekko.ask.timeout", "10 min"); // a busy machine submits slowly
        TableEnvironment tables =
                TableEnvironment.create(
                        EnvironmentSettings.newInstance()
                                .inStreamingMode()
                                .withConfiguration(configuration)
                                .build());
        for (String statement : statements) {
            String text = statement.strip();
            if (text.startsWith("SET")) {
                String[] option = text.substring(3).split("=");
                tables.getConfig().set(unquote(option[0]), unquote(option[1]));
            } else if (!text.startsWith("SELECT")) {
                tables.executeSql(text);
            } else if (!rows) {
                System.out.println(tables.explainSql(text));
            } else {
                print(tables, text);
            }
        }
    }

    private static void print(TableEnvironment tables, String query) {
        try (CloseableIterator<Row> found = tables.executeSql(query).collect()) {
            while (found.hasNext()) {
                Row row = found.next();
                System.out.println(
                        row.getField(0)
                                + " " + ms(row.getField(1))
                                + " " + ms(row.getField(2))
                                + " " + row.getField(3));
            }
        } catch (Exception failed) {
            failed.printStackTrace();
        }
    }

    private static long ms(Object time) {
        return ((java.time.LocalDateTime) time)
                .toInstant(java.time.ZoneOffset.UTC)
                .toEpochMilli();
    }

    private static String unquote(String text) {
        return text.strip().replace("'", "");
    }
}
